import { cleanup, screen } from '@testing-library/preact'
import { expect, test } from 'vitest'
import { simulatePasskeys } from '../shared/testing/passkeys'
import {
  json,
  noContent,
  notSignedIn,
  passkey,
  pendingCode,
  refusal,
  signedIn,
  unusedPasskey,
} from '../shared/testing/server'
import { settle } from '../shared/testing/time'
import { heading, openSignedIn, press, session, type } from './openSignedIn'

const list = 'GET /api/account/passkeys'
const none = json({ passkeys: [], codes_for: 'sign_in', can_restrict: true })
const two = json({ passkeys: [passkey, unusedPasskey], codes_for: 'sign_in', can_restrict: true })
const query = (name: string) => screen.queryByRole('button', { name })

const signInWithCode = async (passkeys = none) => {
  await openSignedIn('/verify', {
    [session]: json(signedIn),
    'GET /api/auth/code': json(pendingCode()),
    'POST /api/auth/verify': json({ ...signedIn, created: false }),
    [list]: passkeys,
  })
  await type('6-digit code', '123456')
  // First the overview is read, then the list of passkeys.
  await settle()
}

test('a passkey is offered after a sign-in by code, and never again after "not now"', async () => {
  simulatePasskeys('succeeds')
  await signInWithCode()
  expect(query('Add a passkey')).toBeTruthy()
  await press('Not now')
  expect(query('Add a passkey')).toBeNull()
  cleanup()
  await signInWithCode()
  expect(query('Add a passkey')).toBeNull()
})

test('no passkey is offered without a sign-in by code, nor to a user who has one', async () => {
  simulatePasskeys('succeeds')
  await openSignedIn('/', { [list]: none })
  expect(query('Add a passkey')).toBeNull()
  cleanup()
  await signInWithCode(two)
  expect(query('Add a passkey')).toBeNull()
})

test('after the removal of a passkey the next removal button has the focus', async () => {
  simulatePasskeys('succeeds')
  await openSignedIn('/account', {
    [list]: [two, json({ passkeys: [unusedPasskey], codes_for: 'sign_in', can_restrict: true })],
    'DELETE /api/account/passkeys/{id}': noContent(),
  })
  expect(query('Use codes for recovery only')).toBeTruthy()
  await press('Remove: iCloud Keychain')
  expect(document.activeElement).toBe(query('Remove: YubiKey 5'))
  expect(query('Use codes for recovery only')).toBeNull()
})

test('codes cannot be for recovery only if sessions cannot be revoked', async () => {
  simulatePasskeys('succeeds')
  await openSignedIn('/account', {
    [list]: json({ passkeys: [passkey, unusedPasskey], codes_for: 'sign_in', can_restrict: false }),
  })
  expect(query('Use codes for recovery only')).toBeNull()
})

test('with a passkey, the dialog sends no code until the user requests one', async () => {
  simulatePasskeys('succeeds')
  const server = await openSignedIn('/account', {
    [list]: two,
    'GET /api/account/export': [refusal(403, 'reauthentication_required'), 'never'],
    'POST /api/auth/passkey': json({ ...signedIn, created: false }),
  })
  await press('Download')
  expect(document.activeElement?.textContent).toBe('Confirm it’s you')
  expect(server.count('POST /api/auth/code')).toBe(0)
  await press('Sign in with a passkey')
  expect(screen.queryByRole('dialog')).toBeNull()
  expect(server.count('GET /api/account/export')).toBe(2)
})

test('a right code that may not sign in leads to the recovery page', async () => {
  await openSignedIn('/verify?next=%2Factivity', {
    [session]: notSignedIn(),
    'GET /api/auth/code': json(pendingCode()),
    'POST /api/auth/verify': refusal(409, 'recovery_required'),
    'GET /api/auth/recovery': refusal(404, 'no_recovery'),
  })
  await type('6-digit code', '123456')
  expect(heading().textContent).toBe('This account needs a passkey')
  expect(query('Start the recovery')).toBeTruthy()
  await press('Sign in')
  expect(location.pathname + location.search).toBe('/?next=%2Factivity')
})
