/**
 * What this browser keeps for the next visit: the address that signed in last, the language that was chosen, and whether its
 * user wants to hear no more of passkeys.
 */
export type Kept = 'email' | 'language' | 'passkeys'

/** '' if nothing is stored. */
export function kept(what: Kept): string {
  try {
    return localStorage[what] ?? ''
  } catch {
    // A browser that blocks cookies may block storage too.
    return ''
  }
}
