/**
 * Values for the next visit: the last address, the chosen language, and whether passkeys are
 * offered no more.
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
