import { createEvent, fireEvent, render, screen } from '@testing-library/preact'
import { vi } from 'vitest'
import type { CodeRequest } from '../../shared/api/http'
import { received } from '../../shared/code/received'
import {
  codeRequest,
  FakeServer,
  json,
  pendingCode,
  type Reply,
  refusal,
  signedIn,
} from '../../shared/testing/server'
import { settle } from '../../shared/testing/time'
import { CodePage } from './CodePage'

export const read = 'GET /api/auth/code'
export const verify = 'POST /api/auth/verify'
export const resend = 'POST /api/auth/code/resend'
export const wrong = (triesLeft: number) =>
  refusal(401, 'wrong_code', 'Wrong.', { tries_left: triesLeft })
export const verified = json({ ...signedIn, created: false })

/** The response to a code request, with or without a mail. */
export const sent = (request: CodeRequest = codeRequest()) => json(request, 202)

export async function open(
  replies: Record<string, Reply | Reply[]>,
  url = '/verify',
  request?: CodeRequest,
) {
  history.replaceState(null, '', url)
  return await openAgain(replies, request)
}

/** As after a reload of the tab, which keeps its history entry. */
export async function openAgain(replies: Record<string, Reply | Reply[]>, request?: CodeRequest) {
  const server = new FakeServer({ [read]: json(pendingCode()), ...replies })
  const onSignedIn = vi.fn()
  const onRecovery = vi.fn()
  const onSignIn = vi.fn()
  const onNewAddress = vi.fn()
  const requested = request && received(request)
  render(
    <CodePage
      requested={requested}
      onSignedIn={onSignedIn}
      onRecovery={onRecovery}
      onNewAddress={onNewAddress}
      onSignIn={onSignIn}
    />,
  )
  await settle()
  return { server, onSignedIn, onRecovery, onNewAddress, onSignIn }
}
export const field = () => screen.getByLabelText<HTMLInputElement>('6-digit code')
/** Types like a keyboard. */
export const type = async (value: string) => {
  const event = createEvent.input(field(), { target: { value } })
  Object.defineProperties(event, { isTrusted: { value: true }, inputType: { value: 'insertText' } })
  fireEvent(field(), event)
  await settle()
}
/** Fills in the value like a password manager. */
export const fill = async (value: string) => {
  fireEvent.input(field(), { target: { value } })
  await settle()
}
export const press = async (name: string) => {
  const button = screen.getByRole('button', { name })
  button.focus()
  fireEvent.click(button)
  await settle()
}
export const heading = () => screen.getByRole('heading', { level: 1 })
export const selection = () =>
  field().value.slice(field().selectionStart ?? 0, field().selectionEnd ?? 0)
