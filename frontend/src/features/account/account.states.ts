import type { PendingCode } from '../../shared/api/http'
import {
  account,
  codeRequest,
  noMail,
  pendingCode,
  serverTime,
  signedIn,
} from '../../shared/testing/server'
import { type Responses, refused, type State } from '../../shared/testing/states'
import { keyStates } from './keyStates'
import { nothingPending, page, type Shows, stale } from './pageState'
import { one, passkeyStates, withPasskeys } from './passkeyStates'

// The buttons of the page, from top to bottom.
const save = { press: 0 }
const change = { press: 1 }
const send = { press: 1 }
const keepEmail = { press: 2 }
const download = { press: 2 }
const remove = { press: 3 }
const removeNow = { press: 3 }
const keep = { press: 4 }

const named = (
  name: string,
  shows: Shows,
  answer: NonNullable<Responses['PATCH /api/account']>,
): State => page(name, shows, { 'PATCH /api/account': answer }, [{ type: 'Grace Hopper' }, save])
const requestedChange = (
  name: string,
  shows: Shows,
  answer: NonNullable<Responses['POST /api/account/email']>,
): State =>
  page(name, shows, { 'POST /api/account/email': answer }, [
    change,
    { type: 'grace@example.net', into: 1 },
    send,
  ])

const fresh = (more: Partial<PendingCode> = {}) =>
  pendingCode({
    email: 'grace@example.net',
    purpose: 'change_email',
    resend_at: serverTime(0),
    ...more,
  })
const pending = (
  name: string,
  shows: Shows,
  responses: Responses = {},
  actions: State['actions'] = [],
): State => page(name, shows, { 'GET /api/account/email': fresh(), ...responses }, actions)
const typed = { type: '123456', into: 1 }
const tried = (
  name: string,
  shows: Shows,
  answer: NonNullable<Responses['POST /api/account/email/verify']>,
): State =>
  pending(
    name,
    shows,
    {
      'POST /api/account/email/verify': answer,
      'GET /api/account/email': [fresh(), nothingPending],
    },
    [typed],
  )

const exported = {
  exported_at: '2026-03-20T10:00:00Z',
  notes: [],
  account,
  sessions: [],
  sessions_complete: true,
  ended_sessions: [],
  access_keys: [],
  passkeys: { passkeys: [], codes_for: 'sign_in' as const, can_restrict: true },
  events: [],
  codes: [],
  mails: [],
}
const deleting = (
  name: string,
  shows: Shows,
  answer: NonNullable<Responses['DELETE /api/account']>,
): State =>
  page(
    name,
    shows,
    {
      'DELETE /api/account': answer,
      'GET /api/auth/session': [signedIn, refused(401, 'not_signed_in')],
    },
    [remove, { type: account.email, into: 1 }, removeNow],
  )
const provedSince = {
  ...signedIn,
  session: { ...signedIn.session, signed_in_at: '2026-03-20T10:00:00Z' },
}
const proof = (
  name: string,
  shows: Shows,
  responses: Responses,
  actions: State['actions'] = [],
): State =>
  page(name, shows, { 'GET /api/account/export': [stale, exported], ...responses }, [
    download,
    ...(actions ?? []),
  ])
const usePasskey = { press: 0, inDialog: true, on: 'passkeys.signIn' } as const
const proofWithPasskey = (
  name: string,
  shows: Shows,
  passkeys: NonNullable<State['passkeys']>,
  responses: Responses = {},
  actions: NonNullable<State['actions']> = [],
): State => ({
  ...withPasskeys(
    name,
    shows,
    one,
    { 'GET /api/account/export': [stale, exported], ...responses },
    [{ press: 5 }, ...actions],
  ),
  passkeys,
})
const code = { 'POST /api/auth/code': codeRequest(), 'GET /api/auth/code': pendingCode() }

export const states: State[] = [
  page('account', 'account.name'),
  page('account without a name', 'account.nameHint', {
    'GET /api/account': { ...account, name: '' },
  }),
  page('account with long words', 'account.name', {
    'GET /api/account': {
      ...account,
      name: 'Hubert Blaine Wolfeschlegelsteinhausenbergerdorff'.repeat(2),
      email: `${'a-long-name.'.repeat(5)}ada@example.org`,
    },
  }),
  page('account that takes its time', 'page.loading', { 'GET /api/account': 'never' }),
  page('account with the server away', 'error.weRetry', {
    'GET /api/account': refused(503, 'unavailable'),
  }),
  page('account that the server cannot show', 'problem.internal_error', {
    'GET /api/account': refused(500, 'internal_error'),
  }),
  page('account, perhaps old', 'error.weRetry', { 'GET /api/account': [account, 'lost'] }, [
    { returns: true },
  ]),
  { ...page('account without network', 'error.offline'), without: 'network' },

  named('saving the name', 'error.working', 'never'),
  named('name saved', 'account.saved', { ...account, name: 'Grace Hopper' }),
  named('name refused', 'problem.invalid_name', refused(400, 'invalid_name')),
  named('name not saved', 'error.pressAgain', 'lost'),

  page('new address', 'account.newEmail', {}, [change]),
  page('without the new address', 'signIn.emailEmpty', {}, [change, send]),
  requestedChange('asking for the change', 'signIn.sending', 'never'),
  requestedChange('the same address', 'problem.email_unchanged', refused(400, 'email_unchanged')),
  requestedChange('new address refused', 'account.domainClosed', refused(403, 'sign_up_closed')),
  requestedChange('change with the server away', 'error.kept', refused(503, 'unavailable')),
  requestedChange(
    'too many changes',
    'problem.too_many_requests',
    refused(429, 'too_many_requests', { retry_after: 754 }),
  ),
  requestedChange('code for the new address', 'delivery.sent.next', codeRequest(fresh())),
  requestedChange(
    'no mail to the new address',
    'noMail.next',
    noMail({ email: 'grace@example.net' }),
  ),
  page('address kept', 'account.change', {}, [change, keepEmail]),
  pending('code for the new address after a reload', 'address.another'),
  pending('new address bounced', 'delivery.no_such_mailbox.next', {
    'GET /api/account/email': fresh({ delivery: 'failed', delivery_reason: 'no_such_mailbox' }),
  }),
  pending('code of the change expired', 'spent.offer', {
    'GET /api/account/email': fresh({ expires_at: serverTime(-1) }),
  }),
  pending(
    'change cancelled',
    'action.cancel',
    { 'DELETE /api/account/email': 'done', 'GET /api/account/email': [fresh(), nothingPending] },
    [{ press: 3 }],
  ),
  pending(
    'change that cannot be cancelled',
    'error.weRetry',
    { 'DELETE /api/account/email': 'lost' },
    [{ press: 3 }],
  ),
  pending(
    'wrong code for the change',
    'code.wrong',
    { 'POST /api/account/email/verify': refused(401, 'wrong_code', { tries_left: 4 }) },
    [typed],
  ),
  tried('address of another account', 'problem.email_taken', refused(409, 'email_taken')),
  tried('change that is lost', 'account.changeLost', nothingPending),
  {
    ...tried('address changed', 'account.changed', { ...account, email: 'grace@example.net' }),
  },

  ...passkeyStates,
  ...keyStates,

  page('downloading', 'error.working', { 'GET /api/account/export': 'never' }, [download]),
  page('downloaded', 'account.downloaded', { 'GET /api/account/export': exported }, [download]),
  page('not downloaded', 'error.pressAgain', { 'GET /api/account/export': 'lost' }, [download]),

  page('last step before deleting', 'account.deleteConfirm', {}, [remove]),
  page('deleting with another address', 'account.deleteWrong', {}, [
    remove,
    { type: 'ada', into: 1 },
    removeNow,
  ]),
  page('account not deleted after all', 'account.deleteText', {}, [remove, keep]),
  deleting('deleting', 'error.working', 'never'),
  deleting('deleting fails', 'error.pressAgain', refused(503, 'unavailable')),
  deleting('deleted', 'deleted.title', 'done'),

  proof('proof: sending the code', 'page.loading', { 'POST /api/auth/code': 'never' }),
  proof('proof: code sent', 'proof.goOn', code),
  proofWithPasskey('proof: with a passkey or a code', 'passkeys.signIn', 'pending'),
  proofWithPasskey('proof: passkey not given', 'passkeys.signIn', 'cancelled', {}, [usePasskey]),
  proofWithPasskey('proof: code beside a passkey', 'proof.goOn', 'pending', code, [
    { ...usePasskey, press: 1 },
  ]),
  proofWithPasskey(
    'proof: gone on with a passkey',
    'account.downloaded',
    'succeeds',
    { 'POST /api/auth/passkey': { ...signedIn, created: false } },
    [usePasskey],
  ),
  proof('proof: server away', 'error.unreachable', { 'POST /api/auth/code': 'lost' }),
  proof('proof: too many codes', 'problem.too_many_requests', {
    'POST /api/auth/code': refused(429, 'too_many_requests', { retry_after: 754 }),
  }),
  proof(
    'proof: news that do not come',
    'error.weRetry',
    { ...code, 'GET /api/auth/code': 'lost' },
    [{ returns: true, inDialog: true }],
  ),
  proof(
    'proof: code lost',
    'problem.no_pending_code',
    { ...code, 'GET /api/auth/code': nothingPending },
    [{ returns: true, inDialog: true }],
  ),
  proof('proof: no mail and no code', 'noMail.next', { 'POST /api/auth/code': noMail() }),
  proof('proof: no mail, but a code that works', 'noMail.codeWorks', {
    ...code,
    'POST /api/auth/code': noMail({ code: pendingCode() }),
  }),
  proof(
    'proof: given in another tab',
    'proof.elsewhere',
    { ...code, 'GET /api/auth/session': [signedIn, provedSince] },
    [{ returns: true, inDialog: true }],
  ),
  proof(
    'proof: wrong code',
    'code.wrong',
    { ...code, 'POST /api/auth/verify': refused(401, 'wrong_code', { tries_left: 1 }) },
    [{ type: '123456', inDialog: true }],
  ),
  proof('proof: cancelled', 'account.download', code, [{ press: 2, inDialog: true }]),
  proof(
    'proof: gone on',
    'account.downloaded',
    { ...code, 'POST /api/auth/verify': { ...signedIn, created: false } },
    [{ type: '123456', inDialog: true }],
  ),
]
