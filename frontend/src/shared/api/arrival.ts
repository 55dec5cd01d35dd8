import { ownRefusal, type Refused } from './http'

/**
 * The server's answer that the browser is not signed in, if it came with the page itself: it does
 * for a browser without a session cookie. Valid once, and only for the first page; a user who signs
 * in afterwards has a session.
 */
export function refusalOnArrival(): Refused | undefined {
  const { dataset } = document.documentElement
  if (dataset.session !== 'none') return undefined
  forgetArrival()
  return ownRefusal('not_signed_in')
}

/** From now on a user may have signed in, in this tab or in another one. */
export function forgetArrival(): void {
  delete document.documentElement.dataset.session
}
