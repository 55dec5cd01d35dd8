import {
  otherSession,
  signedIn,
  thisSession,
  unusedKey,
  usedKey,
} from '../../shared/testing/server'
import { type Responses, refused, type State } from '../../shared/testing/states'

const unknown = {
  ...otherSession,
  id: '3'.repeat(32),
  browser: '',
  system: '',
  ip: '2001:db8:1234:5678:9abc:def0:1234:5678',
}
const both = { complete: true, sessions: [otherSession, thisSession, unknown] }
const withApps = {
  complete: true,
  sessions: [{ ...otherSession, apps: ['Wiki', 'Grafana'] }, thisSession, unknown],
}
const keys = { access_keys: [usedKey, unusedKey], apps: [] }
const noKeys = { access_keys: [], apps: [] }
const alone = { complete: true, sessions: [thisSession] }

const page = (
  name: string,
  shows: State['shows'],
  responses: Responses = {},
  actions: State['actions'] = [],
): State => ({
  name,
  path: '/sessions',
  responses: { 'GET /api/auth/session': signedIn, 'GET /api/sessions': both, ...responses },
  actions,
  shows,
})
const withKeys = (
  name: string,
  shows: State['shows'],
  responses: Responses = {},
  actions: State['actions'] = [],
): State => page(name, shows, { 'GET /api/account/access-keys': keys, ...responses }, actions)
const one = { press: 0 }
const openConfirmation = { press: 2 }
const all = { press: 2, on: 'sessions.endOthersSure' } as const
const allAndKeys = { press: 3, on: 'sessions.endOthersSure' } as const
const oneKey = { press: 3 }

export const states: State[] = [
  page('several', 'sessions.this'),
  page('this one only', 'sessions.only', { 'GET /api/sessions': alone }),
  page('kept in cookies', 'sessions.incomplete', {
    'GET /api/sessions': { ...alone, complete: false },
  }),
  page(
    'ending is not for this store',
    'sessions.incomplete',
    { 'DELETE /api/sessions': refused(409, 'not_with_this_store') },
    [openConfirmation, all],
  ),
  page('taking their time', 'page.loading', { 'GET /api/sessions': 'never' }),
  page('server away', 'error.weRetry', { 'GET /api/sessions': refused(503, 'unavailable') }),
  page('perhaps old', 'error.weRetry', { 'GET /api/sessions': [both, 'lost'] }, [
    { returns: true },
  ]),
  page('ending one', 'error.working', { 'DELETE /api/sessions/{id}': 'never' }, [one]),
  page('one without an answer', 'error.weRetry', { 'DELETE /api/sessions/{id}': 'lost' }, [one]),
  page(
    'one not ended',
    'error.pressAgain',
    { 'DELETE /api/sessions/{id}': refused(503, 'unavailable') },
    [one],
  ),
  page(
    'one ended',
    'sessions.ended',
    { 'DELETE /api/sessions/{id}': 'done', 'GET /api/sessions': [both, alone] },
    [one],
  ),
  page('ending all others, to confirm', 'sessions.endOthersSure', {}, [openConfirmation]),
  page('ending all others', 'error.working', { 'DELETE /api/sessions': 'never' }, [
    openConfirmation,
    all,
  ]),
  page(
    'others not ended',
    'error.pressAgain',
    { 'DELETE /api/sessions': refused(503, 'unavailable') },
    [openConfirmation, all],
  ),
  page(
    'all others ended',
    'sessions.othersEnded',
    { 'DELETE /api/sessions': 'done', 'GET /api/sessions': [both, alone] },
    [openConfirmation, all],
  ),
  page(
    'ending wants a fresh code',
    'page.loading',
    {
      'DELETE /api/sessions': refused(403, 'reauthentication_required'),
      'POST /api/auth/code': 'never',
    },
    [openConfirmation, all],
  ),
  page('apps that were opened', 'sessions.apps', { 'GET /api/sessions': withApps }),
  withKeys('with access keys', 'keys.title'),
  page('access keys unavailable', 'error.weRetry', {
    'GET /api/account/access-keys': refused(503, 'unavailable'),
  }),
  withKeys(
    'access key deleted',
    'keys.deleted',
    { 'DELETE /api/account/access-keys/{id}': 'done' },
    [oneKey],
  ),
  withKeys('ending all others and the keys, to confirm', 'sessions.endWithKeys', {}, [
    openConfirmation,
  ]),
  withKeys('ending all others and the keys', 'error.working', { 'DELETE /api/sessions': 'never' }, [
    openConfirmation,
    allAndKeys,
  ]),
  withKeys(
    'others and keys not ended',
    'error.pressAgain',
    { 'DELETE /api/sessions': refused(503, 'unavailable') },
    [openConfirmation, allAndKeys],
  ),
  withKeys(
    'all others and the keys ended',
    'sessions.othersEndedWithKeys',
    {
      'DELETE /api/sessions': 'done',
      'GET /api/sessions': [both, alone],
      'GET /api/account/access-keys': [keys, noKeys],
    },
    [openConfirmation, allAndKeys],
  ),
]
