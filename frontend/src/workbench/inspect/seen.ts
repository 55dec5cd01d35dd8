// The visible parts of a page.

/** A line of text, a control or a picture, and its position. */
export interface Piece {
  element: Element
  text?: Text
  box: DOMRect
}

export const controls = 'a[href], button, input, select, textarea, summary, [role=button]'

/** A description of the element for a finding. */
export function nameOf(element: Element): string {
  const words = (element.textContent || element.getAttribute('name') || '').trim().slice(0, 40)
  return `${element.tagName.toLowerCase()} "${words}"`
}

export function isSeen(element: Element): boolean {
  if (!element.checkVisibility({ visibilityProperty: true, opacityProperty: true })) return false
  for (let at: Element | null = element; at; at = at.parentElement) {
    // Texts for screen readers only.
    if (getComputedStyle(at).clipPath === 'inset(50%)') return false
  }
  return true
}

export function seenElements(selector: string): Element[] {
  return [...frontmost().querySelectorAll(selector)].filter(isSeen)
}

/** Every line of every text. */
export function seenLines(): Required<Piece>[] {
  const lines: Required<Piece>[] = []
  const walker = document.createTreeWalker(frontmost(), NodeFilter.SHOW_TEXT)
  for (let text = walker.nextNode() as Text | null; text; text = walker.nextNode() as Text | null) {
    const element = text.parentElement
    if (!element || text.data.trim() === '' || !isSeen(element)) continue
    const range = document.createRange()
    range.selectNodeContents(text)
    for (const box of range.getClientRects()) if (box.width > 0) lines.push({ element, text, box })
  }
  return lines
}

/** An open dialog covers the page by design. */
function frontmost(): Element {
  return document.querySelector('dialog[open]') ?? document.body
}
