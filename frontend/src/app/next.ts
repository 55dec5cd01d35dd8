import type { CameFrom } from '../shared/api/http'

/**
 * The destination after a sign-in: `next` of a query, if it is a path of this origin, as the
 * browser itself would parse it; undefined for everything else, so that no link to Sana leads to
 * another site.
 */
export function nextPath(search: string): string | undefined {
  const next = new URLSearchParams(search).get('next')
  if (!(next?.startsWith('/') && URL.canParse(next, location.origin))) return undefined
  const url = new URL(next, location.origin)
  const path = url.pathname + url.search + url.hash
  // Parsed twice, "//host" would be another origin: "/..//host" becomes that.
  return url.origin === location.origin && !path.startsWith('//') ? path : undefined
}

/** The query that passes `next` to the next page of the sign-in. */
export function queryFor(next: string | undefined): string {
  return next ? `?next=${encodeURIComponent(next)}` : ''
}

/** The app from which the browser came, if the destination is `/enter`. */
export function appOf(next: string | undefined): CameFrom | undefined {
  const [page, query] = next?.split('?') ?? []
  return page === '/enter'
    ? (Object.fromEntries(new URLSearchParams(query)) as unknown as CameFrom)
    : undefined
}
