import type { PendingCode } from '../../shared/api/http'
import { codeRequest, noMail, pendingCode, serverTime, signedIn } from '../../shared/testing/server'
import { type Responses, refused, type State } from '../../shared/testing/states'

type Shows = State['shows']
type Code = 'POST /api/auth/verify'
const due = pendingCode({ resend_at: serverTime(0), delivery: 'delivered' })

const page = (
  name: string,
  shows: Shows,
  responses: Responses = {},
  actions: State['actions'] = [],
): State => ({
  name,
  path: '/verify',
  responses: {
    'GET /api/auth/session': refused(401, 'not_signed_in'),
    'GET /api/auth/code': due,
    ...responses,
  },
  actions,
  shows,
})
const mail = (name: string, shows: Shows, pending: Partial<PendingCode>): State =>
  page(name, shows, { 'GET /api/auth/code': pendingCode(pending) })
const tried = (name: string, shows: Shows, answer: NonNullable<Responses[Code]>): State =>
  page(name, shows, { 'POST /api/auth/verify': answer }, [{ type: '123456' }])
const again = (
  name: string,
  shows: Shows,
  answer: NonNullable<Responses['POST /api/auth/code/resend']>,
): State => page(name, shows, { 'POST /api/auth/code/resend': answer }, [{ press: 1 }])
/** As the form sends it. */
const requested = (
  name: string,
  shows: Shows,
  answer: NonNullable<Responses['POST /api/auth/code']>,
  actions: State['actions'] = [],
): State => ({
  ...page(name, shows, { 'POST /api/auth/code': answer }, [
    { type: 'grace@example.org' },
    { press: 0 },
    ...actions,
  ]),
  path: '/',
})
const alphanumeric = pendingCode({ code_kind: 'alphanumeric', code_length: 13 })
const spent = { tries_left: 0, resend_at: serverTime(0) }
const works = pendingCode({ delivery: 'delivered' })
const tomorrow = { resend_at: serverTime(86_400) }
const failed = 'failed'
const provider = 'provider_away'

export const states: State[] = [
  mail('mail queued', 'delivery.queued.next', { delivery: 'queued' }),
  mail('mail sent', 'delivery.sent.next', { delivery: 'sent' }),
  mail('mail delivered', 'delivery.delivered.next', { delivery: 'delivered' }),
  mail('mail late', 'delivery.delayed.next', { delivery: 'delayed' }),
  mail('mail late at the provider', 'delivery.provider_late.next', {
    delivery: 'delayed',
    delivery_reason: provider,
  }),
  mail('mail failed', 'delivery.failed.next', { delivery: failed }),
  mail('no such mailbox', 'delivery.no_such_mailbox.next', {
    delivery: failed,
    delivery_reason: 'no_such_mailbox',
  }),
  mail('address blocked', 'delivery.blocked.next', {
    delivery: failed,
    delivery_reason: 'blocked',
  }),
  mail('mail refused', 'delivery.refused.next', { delivery: failed, delivery_reason: 'refused' }),
  mail('provider away', 'delivery.provider_away.next', {
    delivery: failed,
    delivery_reason: provider,
  }),
  mail('code for a long address', 'delivery.sent.next', {
    email: `${'a-long-name.'.repeat(9)}ada@example.org`,
  }),
  mail('code for a known provider', 'code.openMail', {
    email: 'ada@gmail.com',
    delivery: 'delivered',
  }),
  mail('alphanumeric code', 'code.label.alphanumeric', alphanumeric),
  page(
    'alphanumeric code typed',
    'code.length.alphanumeric',
    { 'GET /api/auth/code': alphanumeric },
    [{ type: '7QK2M9XWV4RT' }, { press: 0 }],
  ),
  { ...page('code from the link', 'code.hintLinked'), path: '/verify#c=123456' },
  page('no code', 'code.empty.digits', {}, [{ press: 0 }]),
  page('incomplete code', 'code.length.digits', {}, [{ type: '1234' }, { press: 0 }]),
  page('code with letters', 'code.strange.digits', {}, [{ type: '12345x' }, { press: 0 }]),
  tried('checking', 'code.checking', 'never'),
  page(
    'right for the first time',
    'home.welcome',
    { 'GET /api/auth/session': signedIn, 'POST /api/auth/verify': { ...signedIn, created: true } },
    [{ type: '123456' }],
  ),
  {
    ...page(
      'right, with a passkey offered',
      'passkeys.notNow',
      {
        'GET /api/auth/session': signedIn,
        'POST /api/auth/verify': { ...signedIn, created: false },
      },
      [{ type: '123456' }],
    ),
    passkeys: 'succeeds',
  },
  {
    ...page(
      'right, but only a passkey signs in',
      'recovery.begin',
      {
        'POST /api/auth/verify': refused(409, 'recovery_required'),
        'GET /api/auth/recovery': refused(404, 'no_recovery'),
      },
      [{ type: '123456' }],
    ),
  },
  tried('wrong code', 'code.wrong', refused(401, 'wrong_code', { tries_left: 4 })),
  tried('wrong code, one try left', 'code.wrong', refused(401, 'wrong_code', { tries_left: 1 })),
  tried('locked', 'problem.too_many_tries', refused(401, 'wrong_code', { tries_left: 0 })),
  tried(
    'too many wrong codes',
    'problem.too_many_wrong_codes',
    refused(429, 'too_many_wrong_codes', { retry_after: 541 }),
  ),
  tried('sign-up closed', 'problem.sign_up_closed', refused(403, 'sign_up_closed')),
  tried('expired as it was tried', 'problem.code_expired', refused(410, 'code_expired')),
  tried('server away', 'error.unreachable', 'lost'),
  tried('fault of the server', 'problem.internal_error', refused(500, 'internal_error')),
  mail('expired', 'spent.expired', { expires_at: serverTime(0), resend_at: serverTime(0) }),
  mail('locked, and no new code yet', 'spent.locked', { tries_left: 0, resend_at: serverTime(45) }),
  again('asking again', 'resend.asking', 'never'),
  again('asked again', 'resend.received', codeRequest(pendingCode({ delivery: 'queued' }))),
  again('no mail, but a code that works', 'noMail.codeWorks', noMail({ code: works })),
  requested(
    'no mail, but a code that works, from the form',
    'noMail.codeWorks',
    noMail({ code: works }),
  ),
  requested('no mail until tomorrow, but a code that works', 'resend.availableTomorrow', {
    ...noMail(tomorrow),
    code: { ...works, ...tomorrow },
  }),
  again(
    'no mail, and the last one failed',
    'noMail.notSent',
    noMail({ code: pendingCode({ delivery: failed }) }),
  ),
  page(
    'no mail, and the code is locked',
    'noMail.notSent',
    { 'GET /api/auth/code': pendingCode(spent), 'POST /api/auth/code/resend': noMail() },
    [{ press: 0 }],
  ),
  requested('no mail and no code', 'noMail.next', noMail()),
  requested('no mail and no code, until tomorrow', 'resend.availableTomorrow', noMail(tomorrow)),
  requested('no mail and no code, over', 'noMail.next', noMail({ resend_at: serverTime(0) })),
  requested(
    'no mail and no code, asking again',
    'resend.asking',
    [noMail({ resend_at: serverTime(0) }), 'never'],
    [{ press: 0, on: 'noMail.next' }],
  ),
  requested(
    'no mail and no code, too many requests',
    'error.againIn',
    [noMail({ resend_at: serverTime(0) }), refused(429, 'too_many_requests', { retry_after: 754 })],
    [{ press: 0, on: 'noMail.next' }],
  ),
  again(
    'cookies blocked meanwhile',
    'problem.browser_token_missing',
    refused(409, 'browser_token_missing'),
  ),
  again(
    'asked again too often',
    'problem.too_many_requests',
    refused(429, 'too_many_requests', { retry_after: 3000 }),
  ),
  page('another address, not now', 'error.weRetry', { 'DELETE /api/auth/code': 'lost' }, [
    { press: 2 },
  ]),
  page('news that do not come', 'error.weRetry', { 'GET /api/auth/code': [due, 'lost'] }, [
    { returns: true },
  ]),
  page('server away on arrival', 'error.unreachable', { 'GET /api/auth/code': 'lost' }),
  {
    ...page('code for another browser', 'elsewhere.typeThere', {
      'GET /api/auth/code': refused(404, 'no_pending_code'),
    }),
    path: '/verify#c=123456',
  },
  {
    ...page('alphanumeric code for another browser', 'elsewhere.typeThere', {
      'GET /api/auth/code': refused(404, 'no_pending_code'),
    }),
    path: '/verify#c=7QK2M9XWV4RTB',
  },
]
