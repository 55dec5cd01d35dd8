import { account, signedIn } from '../../shared/testing/server'
import { type Responses, refused, type State } from '../../shared/testing/states'

export type Shows = State['shows']
export const nothingPending = refused(404, 'no_pending_code')
export const stale = refused(403, 'reauthentication_required')

/** A state of the page of the account. */
export const page = (
  name: string,
  shows: Shows,
  responses: Responses = {},
  actions: State['actions'] = [],
): State => ({
  name,
  path: '/account',
  responses: {
    'GET /api/auth/session': signedIn,
    'GET /api/account': account,
    'GET /api/account/email': nothingPending,
    ...responses,
  },
  actions,
  shows,
})
