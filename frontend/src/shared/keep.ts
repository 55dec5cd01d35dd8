import type { Kept } from './kept'

/** Stores the value that `kept` reads; '' removes it. */
export function keep(what: Kept, value: string): void {
  try {
    localStorage[what] = value
  } catch {
    // Without storage everything works, with more typing.
  }
}
