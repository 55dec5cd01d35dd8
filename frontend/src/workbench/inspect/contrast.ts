import { nameOf, seenElements, seenLines } from './seen'

type Colour = [red: number, green: number, blue: number, alpha: number]

/**
 * Text needs 4.5:1, large text too; the border or the background of a control needs 3:1 (WCAG 2.2,
 * 1.4.3 and 1.4.11).
 */
export function contrastFaults(): string[] {
  const texts = new Set(seenLines().map(({ element }) => element))
  return [
    ...[...texts].flatMap(textFaults),
    ...seenElements('button, input, select, textarea').flatMap(controlFaults),
  ]
}

function textFaults(element: Element): string[] {
  const behind = backgroundOf(element)
  const ratio = contrast(over(colour(getComputedStyle(element).color), behind), behind)
  return ratio < 4.5 ? [`the text of ${nameOf(element)} has a contrast of ${ratio.toFixed(2)}`] : []
}

function controlFaults(element: Element): string[] {
  // Disabled controls need no contrast with their surroundings, but their text does.
  if (element.matches(':disabled, [aria-disabled=true]')) return []
  const { borderTopWidth, borderTopColor, backgroundColor } = getComputedStyle(element)
  const around = backgroundOf(element.parentElement)
  const faces = [
    colour(backgroundColor),
    ...(borderTopWidth === '0px' ? [] : [colour(borderTopColor)]),
  ]
  // A button without border and background is recognised by its text.
  if (faces.every(([, , , alpha]) => alpha === 0)) return []
  const ratio = Math.max(...faces.map((face) => contrast(over(face, around), around)))
  return ratio < 3 ? [`the border of ${nameOf(element)} has a contrast of ${ratio.toFixed(2)}`] : []
}

function backgroundOf(element: Element | null): Colour {
  if (!element) return [255, 255, 255, 1]
  const own = colour(getComputedStyle(element).backgroundColor)
  return own[3] === 1 ? own : over(own, backgroundOf(element.parentElement))
}

function colour(css: string): Colour {
  const [red, green, blue, alpha = 1] = css.match(/[\d.]+/g)?.map(Number) ?? []
  if (!css.startsWith('rgb') || red === undefined || green === undefined || blue === undefined) {
    throw new Error(`the contrast of ${css} is not known here`)
  }
  return [red, green, blue, alpha]
}

function over([r, g, b, alpha]: Colour, [red, green, blue]: Colour): Colour {
  const mix = (top: number, below: number) => top * alpha + below * (1 - alpha)
  return [mix(r, red), mix(g, green), mix(b, blue), 1]
}

function contrast(a: Colour, b: Colour): number {
  const [low = 0, high = 0] = [luminance(a), luminance(b)].sort((a, b) => a - b)
  return (high + 0.05) / (low + 0.05)
}

function luminance([red, green, blue]: Colour): number {
  const linear = (part: number) =>
    part <= 10.31 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
}
