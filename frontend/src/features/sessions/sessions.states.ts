import { otherSession, signedIn, thisSession } from '../../shared/testing/server'
import { type Answers, refused, type State } from '../../shared/testing/states'

const unknown = {
  ...otherSession,
  id: '3'.repeat(32),
  browser: '',
  system: '',
  ip: '2001:db8:1234:5678:9abc:def0:1234:5678',
}
const both = { complete: true, sessions: [otherSession, thisSession, unknown] }
const alone = { complete: true, sessions: [thisSession] }

const page = (name: string, shows: State['shows'], answers: Answers = {}, does: State['does'] = []): State => ({
  name,
  path: '/sessions',
  answers: { 'GET /api/auth/session': signedIn, 'GET /api/sessions': both, ...answers },
  does,
  shows,
})
const one = { press: 0 }
const ask = { press: 2 }
const all = { press: 2, on: 'sessions.endOthersSure' } as const

export const states: State[] = [
  page('several', 'sessions.this'),
  page('this one only', 'sessions.only', { 'GET /api/sessions': alone }),
  page('kept in cookies', 'sessions.incomplete', { 'GET /api/sessions': { ...alone, complete: false } }),
  page(
    'ending is not for this store',
    'sessions.incomplete',
    { 'DELETE /api/sessions': refused(409, 'not_with_this_store') },
    [ask, all],
  ),
  page('taking their time', 'page.loading', { 'GET /api/sessions': 'never' }),
  page('server away', 'trouble.weRetry', { 'GET /api/sessions': refused(503, 'unavailable') }),
  page('perhaps old', 'trouble.weRetry', { 'GET /api/sessions': [both, 'lost'] }, [{ comesBack: true }]),
  page('ending one', 'trouble.working', { 'DELETE /api/sessions/{id}': 'never' }, [one]),
  page('one without an answer', 'trouble.weRetry', { 'DELETE /api/sessions/{id}': 'lost' }, [one]),
  page('one not ended', 'trouble.pressAgain', { 'DELETE /api/sessions/{id}': refused(503, 'unavailable') }, [one]),
  page('one ended', 'sessions.ended', { 'DELETE /api/sessions/{id}': 'done', 'GET /api/sessions': [both, alone] }, [
    one,
  ]),
  page('ending all others, to confirm', 'sessions.endOthersSure', {}, [ask]),
  page('ending all others', 'trouble.working', { 'DELETE /api/sessions': 'never' }, [ask, all]),
  page('others not ended', 'trouble.pressAgain', { 'DELETE /api/sessions': refused(503, 'unavailable') }, [ask, all]),
  page(
    'all others ended',
    'sessions.othersEnded',
    { 'DELETE /api/sessions': 'done', 'GET /api/sessions': [both, alone] },
    [ask, all],
  ),
  page(
    'ending wants a fresh code',
    'page.loading',
    { 'DELETE /api/sessions': refused(403, 'reauthentication_required'), 'POST /api/auth/code': 'never' },
    [ask, all],
  ),
]
