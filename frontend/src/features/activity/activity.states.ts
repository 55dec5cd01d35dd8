import type { AccountEvent } from '../../shared/api/http'
import { event, signedIn } from '../../shared/testing/server'
import { type Responses, refused, type State } from '../../shared/testing/states'

const ended = 'Safari on iOS'
const noDevice = { browser: '', system: '', ip: '' }
const events = [
  event(0, 'exported'),
  event(1, 'email_changed', { old_email: 'ada@example.org', new_email: 'grace@example.org' }),
  event(2, 'name_changed'),
  event(3, 'sessions_ended'),
  event(4, 'session_ended', { ended, reason: 'ended_elsewhere' }),
  event(5, 'session_ended', { ended, reason: 'too_many_sessions' }),
  event(6, 'session_ended', { ended, reason: 'ended_by_operator', ...noDevice }),
  event(7, 'session_ended', { browser: '' }),
  event(8, 'signed_out'),
  event(9, 'signed_in', { browser: '', system: '' }),
  event(10, 'app_opened', { app: 'Wiki' }),
  event(11, 'sun_risen' as AccountEvent['kind'], noDevice),
  event(12, 'access_key_made', { app: 'Wiki', key: 'Backup' }),
  event(13, 'access_key_ended', { app: 'Wiki', key: 'Backup' }),
  event(14, 'blocked', { by: 'operator', ...noDevice }),
  event(15, 'unblocked', { by: 'operator', ...noDevice }),
  event(16, 'session_ended', { ended, reason: 'ended_by_link' }),
  event(17, 'passkey_added', { passkey: '1Password' }),
  event(18, 'passkey_removed', { passkey: '1Password' }),
  event(19, 'codes_for_recovery'),
  event(20, 'codes_for_sign_in'),
  event(21, 'recovery_begun'),
  event(22, 'recovery_stopped'),
  event(23, 'recovered', noDevice),
  event(24, 'account_created'),
]
const first = { events: events.slice(0, 6), next: '995' }

const page = (
  name: string,
  shows: State['shows'],
  responses: Responses = {},
  actions: State['actions'] = [],
): State => ({
  name,
  path: '/activity',
  responses: {
    'GET /api/auth/session': signedIn,
    'GET /api/account/events': { events },
    ...responses,
  },
  actions,
  shows,
})
const more = { press: 0 }

export const states: State[] = [
  page('everything that can happen', 'activity.intro'),
  page('nothing', 'activity.none', { 'GET /api/account/events': { events: [] } }),
  page('taking its time', 'page.loading', { 'GET /api/account/events': 'never' }),
  page('server away', 'error.weRetry', {
    'GET /api/account/events': refused(503, 'unavailable'),
  }),
  page('perhaps old', 'error.weRetry', { 'GET /api/account/events': [{ events }, 'lost'] }, [
    { returns: true },
  ]),
  page('more to show', 'activity.more', { 'GET /api/account/events': first }),
  page('loading more', 'page.loading', { 'GET /api/account/events': [first, 'never'] }, [more]),
  page(
    'more that does not come',
    'error.pressAgain',
    { 'GET /api/account/events': [first, 'lost'] },
    [more],
  ),
  page(
    'more shown',
    'activity.account_created',
    { 'GET /api/account/events': [first, { events: events.slice(6) }] },
    [more],
  ),
]
