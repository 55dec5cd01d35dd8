import { fireEvent, render, screen } from '@testing-library/preact'
import {
  account,
  FakeServer,
  json,
  noPendingCode,
  type Reply,
  signedIn,
} from '../shared/testing/server'
import { settle } from '../shared/testing/time'
import { App } from './App'
import { loadPages } from './lazyPages'

export const session = 'GET /api/auth/session'

/** Opens a page. */
export async function open(
  path: string,
  replies: Record<string, Reply | Reply[]> = {},
): Promise<FakeServer> {
  await loadPages()
  // happy-dom has no layout to scroll.
  globalThis.scrollTo = () => {}
  history.replaceState(null, '', path)
  const server = new FakeServer(replies)
  render(<App />)
  await settle()
  return server
}

/** Opens one of the pages of signed-in users, with the name and address of Grace. */
export function openSignedIn(
  path: string,
  replies: Record<string, Reply | Reply[]> = {},
): Promise<FakeServer> {
  return open(path, {
    [session]: json(signedIn),
    'GET /api/account': json(account),
    'GET /api/account/email': noPendingCode(),
    ...replies,
  })
}

export const heading = () => screen.getByRole('heading', { level: 1 })
export const field = (label: string) => screen.getByLabelText<HTMLInputElement>(label)
export const press = async (name: string) => {
  const button = screen.getByRole('button', { name })
  button.focus()
  fireEvent.click(button)
  await settle()
}
export const type = async (label: string, value: string) => {
  fireEvent.input(field(label), { target: { value } })
  await settle()
}
