import type { SignedOut } from '../../shared/api/http'
import { type Responses, refused, type State } from '../../shared/testing/states'

type Shows = State['shows']

const notSignedIn: Responses = { 'GET /api/auth/session': refused(401, 'not_signed_in') }

const form = (
  name: string,
  shows: Shows,
  responses: Responses = {},
  actions: State['actions'] = [],
): State => ({
  name,
  path: '/',
  responses: { ...notSignedIn, ...responses },
  actions,
  shows,
})
const enter = (email: string) => [{ type: email }, { press: 0 }]
const requested = (
  name: string,
  shows: Shows,
  answer: NonNullable<Responses['POST /api/auth/code']>,
): State => form(name, shows, { 'POST /api/auth/code': answer }, enter('ada@example.org'))
const ended = (signed_out: SignedOut): State =>
  form(`signed out: ${signed_out.reason}`, signedOut(signed_out.reason), {
    'GET /api/auth/session': refused(401, 'not_signed_in', { signed_out }),
  })
const signedOut = (reason: SignedOut['reason']): Shows =>
  `signedOut.${reason as Exclude<SignedOut['reason'], 'signed_out'>}`
const ago = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString()

const passkey = (
  name: string,
  shows: Shows,
  passkeys: NonNullable<State['passkeys']>,
  responses: Responses = {},
): State => ({
  ...form(name, shows, responses, [{ press: 1 }]),
  passkeys,
})

export const states: State[] = [
  form('form', 'signIn.intro'),
  { ...form('with passkeys', 'passkeys.signIn'), passkeys: 'pending' },
  {
    ...form('with passkeys, of the last visit', 'signIn.notYou'),
    passkeys: 'pending',
    lastEmail: 'ada@example.org',
  },
  passkey('asking for a passkey', 'passkeys.waiting', 'pending'),
  passkey('passkey not given', 'passkeys.signIn', 'cancelled'),
  passkey('passkey refused', 'problem.passkey_refused', 'succeeds', {
    'POST /api/auth/passkey': refused(401, 'passkey_refused'),
  }),
  passkey('passkey not known', 'problem.unknown_passkey', 'succeeds', {
    'POST /api/auth/passkey': refused(401, 'unknown_passkey'),
  }),
  passkey('passkey with the server away', 'error.unreachable', 'succeeds', {
    'POST /api/auth/passkey': 'lost',
  }),
  passkey('too many passkeys refused', 'problem.too_many_requests', 'succeeds', {
    'POST /api/auth/passkey': refused(429, 'too_many_requests', { retry_after: 754 }),
  }),
  form('without an address', 'signIn.emailEmpty', {}, [{ press: 0 }]),
  form('no address', 'signIn.emailFault', {}, enter('ada')),
  form('with a very long address', 'signIn.intro', {}, [
    { type: `${'a-long-name.'.repeat(9)}ada@example.org` },
  ]),
  { ...form('of the last visit', 'signIn.notYou'), lastEmail: 'ada@example.org' },
  form('with a slip in the domain', 'signIn.didYouMean', {}, [{ type: 'ada@gmial.com' }]),
  { ...form('that leads on', 'signIn.continue'), path: '/?next=%2Fsessions' },
  requested('asking for a code', 'signIn.sending', 'never'),
  requested('address refused', 'problem.invalid_email', refused(400, 'invalid_email')),
  requested(
    'too many requests',
    'problem.too_many_requests',
    refused(429, 'too_many_requests', { retry_after: 754 }),
  ),
  requested(
    'too many requests, for hours',
    'error.againTomorrow',
    refused(429, 'too_many_requests', { retry_after: 86_000 }),
  ),
  requested(
    'too many requests, over',
    'error.over',
    refused(429, 'too_many_requests', { retry_after: 0 }),
  ),
  requested('server away', 'error.unreachable', 'lost'),
  requested('fault of the server', 'problem.internal_error', refused(500, 'internal_error')),
  { ...form('cookies blocked', 'problem.browser_token_missing'), without: 'cookies' },
  requested(
    'cookies blocked, as the server finds',
    'problem.browser_token_missing',
    refused(409, 'browser_token_missing'),
  ),
  form(
    'perhaps signed in by now',
    'error.weRetry',
    { 'GET /api/auth/session': [refused(401, 'not_signed_in'), 'lost'] },
    [{ returns: true }],
  ),
  {
    ...form('from an app', 'signIn.continueTo', {
      'GET /api/apps/{host}': { id: 'wiki', name: 'Wiki of the staff' },
    }),
    path: '/?next=%2Fenter%3Fhost%3Dwiki.example.org%26path%3D%252F%26nonce_hash%3Dabc',
  },
  ended({ reason: 'idle' }),
  ended({ reason: 'max_age', at: ago(50) }),
  ended({ reason: 'ended_elsewhere', at: ago(1), by: 'Mobile Safari on iOS' }),
  ended({ reason: 'ended_everywhere', at: ago(26), by: 'Firefox on Linux' }),
  ended({ reason: 'too_many_sessions', at: ago(3) }),
  ended({ reason: 'ended_by_link' }),
  ended({ reason: 'ended_by_operator' }),
  ended({ reason: 'key_withdrawn' }),
  ended({ reason: 'email_changed' }),
  ended({ reason: 'account_deleted' }),
  ended({ reason: 'recovered' }),
  {
    ...form('code lost', 'signIn.lost', { 'GET /api/auth/code': refused(404, 'no_pending_code') }),
    path: '/verify',
  },
]
