/** The buttons or the fields that are usable, in the order of their indexes in states. */
export function controls<Name extends 'button' | 'input'>(name: Name) {
  // An open dialog covers all others.
  const dialog = document.querySelector('dialog[open]')
  if (dialog) return [...dialog.querySelectorAll(name)]
  // Controls around the page come after those on it.
  const isOnPage = (control: Element) => control.closest('main') !== null
  const all = [...document.querySelectorAll(name)]
  return [...all.filter(isOnPage), ...all.filter((control) => !isOnPage(control))]
}
