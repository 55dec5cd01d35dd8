/** Returns the token of a mail's link: session, expiry in seconds since 1970, and a MAC. */
export function tokenInFragment(hash: string): string | undefined {
  return /^#t=([\w.-]+)$/.exec(hash)?.[1]
}

/** Whether the token has expired, or has no expiry. The server decides by its own clock. */
export function isOver(token: string): boolean {
  return !(Number(token.split('.').at(-2)) * 1000 > Date.now())
}
