import { Refused } from './http'

/**
 * That nobody is signed in, where the server has said so with the page itself: it does for a browser that came without the
 * cookie of a session. Good once; who signs in afterwards has one.
 */
export function refusalOnArrival(): Refused | undefined {
  const { dataset } = document.documentElement
  if (dataset.session !== 'none') return undefined
  delete dataset.session
  const problem = { type: 'urn:sana:problem:not_signed_in', title: '', status: 401, detail: '', request_id: '' }
  return new Refused({ ...problem, code: 'not_signed_in' })
}
