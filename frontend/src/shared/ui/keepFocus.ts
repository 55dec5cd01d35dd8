/**
 * Moves the focus to the current heading whenever the focused element is removed and no other takes
 * the focus. Otherwise users of a keyboard or a screen reader would be at the top of the document.
 * Returns the function that stops it.
 */
export function keepFocus(): () => void {
  let last: Element | undefined
  const remember = ({ target }: FocusEvent) => {
    last = target as Element
  }
  const look = () => {
    if (document.activeElement !== document.body || !last || last.isConnected) return
    last = undefined
    const shown = document.querySelector('dialog[open]') ?? document
    shown.querySelector<HTMLElement>('h1, [tabindex="-1"]')?.focus()
  }
  // New elements may take the focus in their effects, which run first.
  const observer = new MutationObserver(() => requestAnimationFrame(() => setTimeout(look)))
  document.addEventListener('focusin', remember)
  observer.observe(document.body, { childList: true, subtree: true })
  return () => {
    document.removeEventListener('focusin', remember)
    observer.disconnect()
  }
}
