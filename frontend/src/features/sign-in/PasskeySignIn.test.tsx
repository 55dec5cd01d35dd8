import { fireEvent, render, screen } from '@testing-library/preact'
import { expect, test, vi } from 'vitest'
import { type Ceremony, simulatePasskeys } from '../../shared/testing/passkeys'
import { FakeServer, json, type Reply, refusal, signedIn } from '../../shared/testing/server'
import { advance, settle, setVisibility } from '../../shared/testing/time'
import { PasskeySignIn } from './PasskeySignIn'

const options = 'GET /api/auth/passkey'
const verify = 'POST /api/auth/passkey'

async function open(passkeys: Ceremony | undefined, replies: Record<string, Reply | Reply[]> = {}) {
  const browser = simulatePasskeys(passkeys)
  const server = new FakeServer({ [verify]: json({ ...signedIn, created: false }), ...replies })
  const onSignedIn = vi.fn()
  render(<PasskeySignIn onSignedIn={onSignedIn} />)
  await settle()
  return { browser, server, onSignedIn }
}
const button = () => screen.getByRole('button', { name: 'Sign in with a passkey' })
const press = async () => {
  button().focus()
  fireEvent.click(button())
  await settle()
}

test('a browser without passkeys gets no button and sends no request', async () => {
  const { server } = await open(undefined)
  expect(screen.queryByRole('button')).toBeNull()
  expect(server.calls).toEqual([])
})

test('the button aborts the ceremony of the address field', async () => {
  const { browser } = await open('pending')
  expect(browser.ceremonies).toEqual([{ mediation: 'conditional', isFinished: false }])
  await press()
  expect(browser.ceremonies).toEqual([
    { mediation: 'conditional', isFinished: true },
    { isFinished: false },
  ])
})

test('a cancelled ceremony is explained, keeps the focus, and can be repeated', async () => {
  const { browser, server, onSignedIn } = await open('cancelled')
  await press()
  expect(screen.queryByRole('alert')).toBeNull()
  expect(screen.getByText('No passkey was used. Try again, or use a code.')).toBeTruthy()
  expect(document.activeElement).toBe(button())
  expect(button().getAttribute('aria-disabled')).toBe('false')
  expect(server.count(verify)).toBe(0)
  expect(onSignedIn).not.toHaveBeenCalled()
  expect(browser.ceremonies.filter(({ isFinished }) => !isFinished)).toEqual([
    { mediation: 'conditional', isFinished: false },
  ])
})

test('a passkey signs in, and its address is stored for the next visit', async () => {
  const { onSignedIn } = await open('succeeds')
  await press()
  expect(onSignedIn).toHaveBeenCalledOnce()
  expect(localStorage.email).toBe(signedIn.user.email)
})

test.each([
  ['unknown_passkey', 1],
  ['passkey_refused', 0],
] as const)('only an unknown passkey is signalled to the browser: %s', async (code, signals) => {
  const { browser } = await open('succeeds', { [verify]: refusal(401, code) })
  await press()
  expect(screen.getByRole('alert')).toBeTruthy()
  expect(browser.signalled).toHaveLength(signals)
})

test('an offer is renewed before its challenge expires, if the page is visible', async () => {
  const { browser, server } = await open('pending')
  await advance(240_000)
  expect(server.count(options)).toBe(2)
  expect(browser.ceremonies.map(({ isFinished }) => isFinished)).toEqual([true, false])
  await setVisibility('hidden')
  await advance(240_000)
  expect(server.count(options)).toBe(2)
  await setVisibility('visible')
  expect(server.count(options)).toBe(3)
})
