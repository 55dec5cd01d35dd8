import { type Responses, refused, type State } from '../shared/testing/states'

const arrival = (
  name: string,
  answer: NonNullable<Responses['GET /api/auth/session']>,
  shows: State['shows'],
  without?: State['without'],
): State => ({
  name,
  path: '/',
  responses: { 'GET /api/auth/session': answer },
  shows,
  ...(without && { without }),
})

/** The states of any page before the server has answered. */
export const states: State[] = [
  arrival('taking its time', 'never', 'page.loading'),
  arrival('server away', 'lost', 'error.unreachable'),
  arrival('offline', 'lost', 'error.offline', 'network'),
  arrival('server without its database', refused(503, 'unavailable'), 'problem.unavailable'),
  arrival('fault of the server', refused(500, 'internal_error'), 'problem.internal_error'),
  arrival(
    'too many requests',
    refused(429, 'too_many_requests', { retry_after: 3725 }),
    'problem.too_many_requests',
  ),
  arrival('page older than the server', refused(421, 'misdirected_request'), 'problem.out_of_step'),
]
