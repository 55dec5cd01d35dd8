/** What this browser keeps for the next visit: the address that signed in last, and the language that was chosen. */
export type Kept = 'email' | 'language'

/** '' where nothing is kept. */
export function kept(what: Kept): string {
  try {
    return localStorage[what] ?? ''
  } catch {
    // A browser that blocks cookies may allow no storage either.
    return ''
  }
}
