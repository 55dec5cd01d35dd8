import { controls, nameOf, type Piece, seenElements, seenLines } from './seen'

/** WCAG 2.2 requires 24 px (2.5.8); this is its AAA (2.5.5). */
const target = 44
/** The layout uses fractions of a pixel. */
const slack = 1

export function geometryFaults(): string[] {
  const lines = seenLines()
  return [
    ...sidewaysFaults(),
    ...overlaps(lines),
    ...lines.flatMap(cutOff),
    ...stickingOut(),
    ...smallTargets(),
  ]
}

function sidewaysFaults(): string[] {
  const { scrollWidth, clientWidth } = document.documentElement
  return scrollWidth > clientWidth
    ? [`the page scrolls sideways: ${scrollWidth} px in ${clientWidth} px`]
    : []
}

function overlaps(lines: Piece[]): string[] {
  const others = seenElements(`${controls}, svg, img`).map((element) => ({
    element,
    box: element.getBoundingClientRect(),
  }))
  const pieces: Piece[] = [...lines, ...others]
  return pieces.flatMap((a, index) =>
    pieces
      .slice(index + 1)
      .filter((b) => mayNotMeet(a, b) && meet(a.box, b.box))
      .map((b) => `${nameOf(a.element)} lies on ${nameOf(b.element)}`),
  )
}

function mayNotMeet(a: Piece, b: Piece): boolean {
  if (a.text && a.text === b.text) return false
  if (a.text && b.text) return true
  return !(a.element.contains(b.element) || b.element.contains(a.element))
}

/** A line's box is higher than its glyphs. */
function meet(a: DOMRect, b: DOMRect): boolean {
  const low = Math.min(a.bottom - a.height / 8, b.bottom - b.height / 8)
  const high = Math.max(a.top + a.height / 8, b.top + b.height / 8)
  return Math.min(a.right, b.right) - Math.max(a.left, b.left) > slack && low - high > slack
}

function cutOff({ element, box }: Piece): string[] {
  const name = nameOf(element)
  if (box.left < -slack || box.right > document.documentElement.clientWidth + slack)
    return [`${name} leaves the page`]
  for (let at: Element | null = element; at; at = at.parentElement) {
    const { overflowX, overflowY } = getComputedStyle(at)
    const room = at.getBoundingClientRect()
    const isWide = box.left < room.left - slack || box.right > room.right + slack
    const isHigh = box.top < room.top - slack || box.bottom > room.bottom + slack
    if ((overflowX !== 'visible' && isWide) || (overflowY === 'hidden' && isHigh))
      return [`${name} is cut off`]
  }
  return []
}

/**
 * A field may be shorter than its text, and scrolls; a code must be visible as a whole. An
 * alphanumeric one is too long for that if text is twice as large.
 */
function stickingOut(): string[] {
  const isLarge = Number.parseFloat(getComputedStyle(document.documentElement).fontSize) > 16
  const whole = `[autocomplete=one-time-code]${isLarge ? '[inputmode=numeric]' : ''}`
  return seenElements(`*:not(input:not(${whole}))`)
    .filter(({ clientWidth, scrollWidth }) => clientWidth > 0 && scrollWidth > clientWidth + slack)
    .map((element) => `what is in ${nameOf(element)} is wider than it`)
}

function smallTargets(): string[] {
  return seenElements(controls).flatMap((element) => {
    const { width, height } = element.getBoundingClientRect()
    if ((width > target - slack && height > target - slack) || isInSentence(element)) return []
    return [`${nameOf(element)} is small: ${Math.round(width)} x ${Math.round(height)} px`]
  })
}

function isInSentence(element: Element): boolean {
  // A button itself is never inline.
  const isInline = [element, element.parentElement].some(
    (each) => each && getComputedStyle(each).display === 'inline',
  )
  return isInline && element.parentElement?.textContent?.trim() !== element.textContent?.trim()
}
