// The user in the workbench: performs a state's steps, and detects when it is reached.
import { type Key, text } from '../shared/i18n/text'
import { controls } from '../shared/testing/controls'
import type { State, Step } from '../shared/testing/states'

/** Removes the missing features of a state from this browser. */
export function takeAway(what: State['without']): void {
  // Browsers allow writing to the clipboard only after a press.
  const clipboard = what === 'clipboard' ? undefined : { writeText: () => Promise.resolve() }
  Object.defineProperty(navigator, 'clipboard', { get: () => clipboard })
  if (what === 'network') Object.defineProperty(navigator, 'onLine', { get: () => false })
  if (what === 'cookies') Object.defineProperty(navigator, 'cookieEnabled', { get: () => false })
}

/**
 * Gives the page a storage of its own, empty at first: the one of the address keeps the choices of
 * the developer, which every state shares.
 */
export function standInForStorage(): void {
  const values: Record<string, string> = {}
  Object.defineProperty(window, 'localStorage', { value: values })
}

/** Waits until the next page is complete. */
export async function settled(): Promise<void> {
  await until(
    () => document.querySelector('h1') && !document.querySelector('[class*="Loading-loading"]'),
  )
  await nextFrame()
}

/** Performs a step as soon as its element exists. */
export async function take(step: Step): Promise<void> {
  if (step.inDialog) await until(() => document.querySelector('dialog[open]'))
  if (step.on) await untilShown(step.on)
  if ('returns' in step) {
    document.dispatchEvent(new Event('visibilitychange'))
  } else if ('press' in step) {
    ;(await until(() => controls('button')[step.press])).click()
  } else {
    const field = await until(() => controls('input')[step.into ?? 0])
    field.focus()
    field.value = step.type
    field.dispatchEvent(new InputEvent('input', { bubbles: true }))
  }
  // Its effects are rendered before the next step.
  await nextFrame()
}

/** Waits until a text is on the page, with any values. */
export async function untilShown(key: Key): Promise<void> {
  // In singular and plural, if it has both.
  const forms = [1, 2].map((count) => text(key, { count }).split(/\{\w+\}|\d+/))
  await until(() => {
    const words = document.querySelector('#root')?.textContent ?? ''
    return forms.some((parts) => parts.every((part) => words.includes(part.trim())))
  })
}

async function until<T>(find: () => T): Promise<NonNullable<T>> {
  for (;;) {
    const found = find()
    if (found) return found
    await nextFrame()
  }
}

/** A hidden page may get no frames. */
function nextFrame(): Promise<unknown> {
  return new Promise((resolve) => {
    requestAnimationFrame(resolve)
    setTimeout(resolve, 100)
  })
}
