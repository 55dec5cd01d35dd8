/**
 * Moves the focus to the heading of what is shown whenever the focused element leaves the page and nothing else takes its place:
 * a person with a keyboard or a screen reader would be at the top of the document otherwise. It returns what ends it.
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
  // What is drawn anew may take the focus itself, in its effects: these run first.
  const observer = new MutationObserver(() => requestAnimationFrame(() => setTimeout(look)))
  document.addEventListener('focusin', remember)
  observer.observe(document.body, { childList: true, subtree: true })
  return () => {
    document.removeEventListener('focusin', remember)
    observer.disconnect()
  }
}
