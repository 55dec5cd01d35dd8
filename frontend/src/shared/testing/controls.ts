/** The buttons or the fields that a person may use, in the order in which states count them. */
export function controls<Name extends 'button' | 'input'>(name: Name) {
  // A dialog that is open lies over all others.
  const dialog = document.querySelector('dialog[open]')
  if (dialog) return [...dialog.querySelectorAll(name)]
  // What stands around the page comes after what is on it.
  const isOnPage = (control: Element) => control.closest('main') !== null
  const all = [...document.querySelectorAll(name)]
  return [...all.filter(isOnPage), ...all.filter((control) => !isOnPage(control))]
}
