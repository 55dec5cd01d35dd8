import { fireEvent, render, screen } from '@testing-library/preact'
import { expect, test, vi } from 'vitest'
import { type Ceremony, standInForPasskeys } from '../../shared/testing/passkeys'
import { FakeServer, json, type Reply, refusal, signedIn } from '../../shared/testing/server'
import { pass, settled, show } from '../../shared/testing/time'
import { PasskeySignIn } from './PasskeySignIn'

const options = 'GET /api/auth/passkey'
const prove = 'POST /api/auth/passkey'

async function open(passkeys: Ceremony | undefined, replies: Record<string, Reply | Reply[]> = {}) {
  const browser = standInForPasskeys(passkeys)
  const server = new FakeServer({ [prove]: json({ ...signedIn, created: false }), ...replies })
  const onSignedIn = vi.fn()
  render(<PasskeySignIn onSignedIn={onSignedIn} />)
  await settled()
  return { browser, server, onSignedIn }
}
const button = () => screen.getByRole('button', { name: 'Sign in with a passkey' })
const press = async () => {
  button().focus()
  fireEvent.click(button())
  await settled()
}

test('a browser without passkeys sees no button and asks for nothing', async () => {
  const { server } = await open(undefined)
  expect(screen.queryByRole('button')).toBeNull()
  expect(server.calls).toEqual([])
})

test('the address field offers passkeys, and the button ends that first: one ceremony at a time', async () => {
  const { browser } = await open('waits')
  expect(browser.asked).toEqual([{ mediation: 'conditional', isOver: false }])
  await press()
  expect(browser.asked).toEqual([{ mediation: 'conditional', isOver: true }, { isOver: false }])
})

test('a cancelled ceremony says what to do, keeps the focus, and the address field offers passkeys again', async () => {
  const { browser, server, onSignedIn } = await open('cancelled')
  await press()
  expect(screen.queryByRole('alert')).toBeNull()
  expect(screen.getByText('No passkey was used. Try again, or use a code.')).toBeTruthy()
  expect(document.activeElement).toBe(button())
  expect(button().getAttribute('aria-disabled')).toBe('false')
  expect(server.count(prove)).toBe(0)
  expect(onSignedIn).not.toHaveBeenCalled()
  expect(browser.asked.filter(({ isOver }) => !isOver)).toEqual([
    { mediation: 'conditional', isOver: false },
  ])
})

test('a passkey signs in, and its address is kept for the next visit', async () => {
  const { onSignedIn } = await open('given')
  await press()
  expect(onSignedIn).toHaveBeenCalledOnce()
  expect(localStorage.email).toBe(signedIn.user.email)
})

test.each([
  ['unknown_passkey', 1],
  ['passkey_refused', 0],
] as const)(
  'the browser is told to forget a passkey only when the server does not know it: %s',
  async (code, told) => {
    const { browser } = await open('given', { [prove]: refusal(401, code) })
    await press()
    expect(screen.getByRole('alert')).toBeTruthy()
    expect(browser.signalled).toHaveLength(told)
  },
)

test('an offer is renewed before its challenge expires, but not while the page is hidden', async () => {
  const { browser, server } = await open('waits')
  await pass(240_000)
  expect(server.count(options)).toBe(2)
  expect(browser.asked.map(({ isOver }) => isOver)).toEqual([true, false])
  await show('hidden')
  await pass(240_000)
  expect(server.count(options)).toBe(2)
  await show('visible')
  expect(server.count(options)).toBe(3)
})
