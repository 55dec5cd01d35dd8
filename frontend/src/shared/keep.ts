import type { Kept } from './kept'

/** Keeps what `kept` reads; '' forgets it. */
export function keep(what: Kept, value: string): void {
  try {
    localStorage[what] = value
  } catch {
    // Without it everything works, only with more to type.
  }
}
