/** The sign-in form, with where the sign-in was to lead. */
export function toSignIn(): string {
  return `/${location.search.replace(/^\?begin&?/, '?')}`
}

/** Whether a right code has led here, which can begin a recovery. */
export function canBegin(): boolean {
  return location.search.startsWith('?begin')
}
