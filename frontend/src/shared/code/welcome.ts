let created = false

/** Remembers, until it is read, that the sign-in just now was the first one. */
export function rememberCreated(isNew: boolean): void {
  created = isNew
}

/** Whether the sign-in just now was the first one; true once. */
export function wasJustCreated(): boolean {
  const isNew = created
  created = false
  return isNew
}
