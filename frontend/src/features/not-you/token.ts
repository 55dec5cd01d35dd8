/** The token of a mail's link: key, session, end in seconds since 1970, and a MAC. */
export function tokenInFragment(hash: string): string | undefined {
  return /^#t=([\w.-]+)$/.exec(hash)?.[1]
}

/** Whether the token's time is over, or it names none. The server judges by its own clock. */
export function isOver(token: string): boolean {
  return !(Number(token.split('.').at(-2)) * 1000 > Date.now())
}
