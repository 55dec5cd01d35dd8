import { ownRefusal, type Refused } from './http'

/**
 * That nobody is signed in, where the server has said so with the page itself: it does for a browser that came without the
 * cookie of a session. Good once, and only for the page that is drawn first; who signs in afterwards has one.
 */
export function refusalOnArrival(): Refused | undefined {
  const { dataset } = document.documentElement
  if (dataset.session !== 'none') return undefined
  forgetArrival()
  return ownRefusal('not_signed_in')
}

/** From now on somebody may have signed in, in this tab or in another one. */
export function forgetArrival(): void {
  delete document.documentElement.dataset.session
}
