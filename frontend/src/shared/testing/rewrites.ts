/**
 * Records each text of the page that is changed or removed in place from now on. Browser
 * translation replaces texts by its own elements, so that such a change would not be visible: see
 * Changing.
 * @returns the records, which the caller may empty
 */
export function recordRewrites(): string[] {
  const records: string[] = []
  const data = descriptorOf('data')
  const remove = descriptorOf('remove')
  const isShown = (text: Text) => text.data.trim() !== '' && document.body.contains(text)
  Object.defineProperty(Text.prototype, 'data', {
    ...data,
    set(this: Text, value: string) {
      if (isShown(this) && this.data !== value) records.push(`"${this.data}" became "${value}"`)
      data.set?.call(this, value)
    },
  })
  Object.defineProperty(Text.prototype, 'remove', {
    ...remove,
    value(this: Text) {
      if (isShown(this)) records.push(`"${this.data}" was removed`)
      remove.value.call(this)
    },
  })
  return records
}

function descriptorOf(name: 'data' | 'remove'): PropertyDescriptor {
  for (let owner = Text.prototype; owner; owner = Object.getPrototypeOf(owner)) {
    const found = Object.getOwnPropertyDescriptor(owner, name)
    if (found) return found
  }
  throw new Error(`Text has no ${name}`)
}
