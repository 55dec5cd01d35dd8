interface SignIn {
  /** It was the first one. */
  created: boolean
}

let last: SignIn | undefined

/** Remembers, until it is read, a sign-in by code. */
export function rememberSignIn(created: boolean): void {
  last = { created }
}

/** The sign-in by code of just now, once. */
export function takeSignIn(): SignIn | undefined {
  const signIn = last
  last = undefined
  return signIn
}
