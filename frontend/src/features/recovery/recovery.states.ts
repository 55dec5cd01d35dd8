import { serverTime } from '../../shared/testing/server'
import { type Responses, refused, type State } from '../../shared/testing/states'

type Shows = State['shows']
const none = refused(404, 'no_recovery')
const waits = { now: serverTime(0), ends_at: serverTime(72_000) }

const page = (
  name: string,
  shows: Shows,
  responses: Responses = {},
  actions: State['actions'] = [],
): State => ({
  name,
  path: '/recovery?begin',
  responses: { 'GET /api/auth/recovery': none, ...responses },
  actions,
  shows,
})
const first = [{ press: 0 }]
const second = [{ press: 1 }]
const begun = (
  name: string,
  shows: Shows,
  answer: NonNullable<Responses['POST /api/auth/recovery']>,
): State => page(name, shows, { 'POST /api/auth/recovery': answer }, second)
const waiting = (
  name: string,
  shows: Shows,
  responses: Responses = {},
  actions: State['actions'] = [],
): State => page(name, shows, { 'GET /api/auth/recovery': waits, ...responses }, actions)
const link = (
  name: string,
  shows: Shows,
  answer?: Responses['POST /api/auth/recovery/stop'],
): State => ({
  ...page(
    name,
    shows,
    answer ? { 'POST /api/auth/recovery/stop': answer } : {},
    answer ? first : [],
  ),
  path: '/recovery#stop=00112233-4455-6677-8899-aabbccddeeff.MAC',
})

export const states: State[] = [
  page('a passkey is needed', 'recovery.lostText'),
  begun('starting', 'error.working', 'never'),
  begun('started', 'recovery.meanwhile', waits),
  begun('the code is too long ago', 'recovery.none', none),
  begun('not started', 'error.weRetry', 'lost'),
  waiting('waiting', 'recovery.until'),
  waiting('the last hour', 'recovery.until', {
    'GET /api/auth/recovery': { now: serverTime(0), ends_at: serverTime(3000) },
  }),
  waiting('the wait is over', 'recovery.overText', {
    'GET /api/auth/recovery': { now: serverTime(0), ends_at: serverTime(0) },
  }),
  waiting('perhaps old', 'error.weRetry', { 'GET /api/auth/recovery': [waits, 'lost'] }, [
    { returns: true },
  ]),
  waiting('stopping', 'error.working', { 'DELETE /api/auth/recovery': 'never' }, second),
  waiting(
    'stopped',
    'activity.recovery_stopped',
    { 'DELETE /api/auth/recovery': 'done', 'GET /api/auth/recovery': [waits, none] },
    second,
  ),
  waiting(
    'not stopped',
    'error.pressAgain',
    { 'DELETE /api/auth/recovery': refused(503, 'unavailable') },
    second,
  ),
  waiting('of another browser', 'recovery.until', { 'DELETE /api/auth/recovery': 'done' }, second),
  { ...page('none', 'recovery.none'), path: '/recovery' },
  page('taking its time', 'page.loading', { 'GET /api/auth/recovery': 'never' }),
  page('server away', 'error.unreachable', { 'GET /api/auth/recovery': 'lost' }),
  page('fault of the server', 'problem.internal_error', {
    'GET /api/auth/recovery': refused(500, 'internal_error'),
  }),
  link('link of the mail', 'recovery.stopText'),
  link('stopping by the link', 'error.working', 'never'),
  link('stopped by the link', 'recovery.notYou', 'done'),
  link('link that is too old', 'recovery.none', none),
]
