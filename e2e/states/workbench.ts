// A page of the workbench for tests, and the faults that it reports.
import { test as base, type Page } from '@playwright/test'
import { requiredVariable } from '../support/chromium'

declare global {
  interface Window {
    workbench: {
      geometryFaults: () => string[]
      contrastFaults: () => string[]
      axeFaults: () => Promise<string[]>
      shifts: string[]
      violations: string[]
    }
  }
}

export const phone = { width: 360, height: 740 }
export const desktop = { width: 1280, height: 800 }
/** The width at which pages must be readable without scrolling sideways (WCAG 2.2, 1.4.10). */
export const narrow = { width: 320, height: 640 }

// One page for all tests of a worker: opening a new one takes longer than the test.
export const test = base.extend<object, { workbench: Page }>({
  workbench: [
    async ({ browser }, use) => {
      const page = await browser.newPage({
        baseURL: requiredVariable('SANA_WORKBENCH'),
        reducedMotion: 'reduce',
      })
      await use(page)
      await page.close()
    },
    { scope: 'worker' },
  ],
})

export async function show(
  page: Page,
  size: typeof phone,
  colorScheme: 'light' | 'dark',
): Promise<void> {
  await page.setViewportSize(size)
  await page.emulateMedia({ colorScheme })
}

export async function open(
  page: Page,
  id: string,
  size: typeof phone,
  colorScheme: 'light' | 'dark',
): Promise<void> {
  await show(page, size, colorScheme)
  await page.goto(`/?state=${id}`)
  await page.locator('html[data-state=reached]').waitFor()
}

/** Faults while the page was loading. */
export function arrivalFaults(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    // Layout shifts are reported a frame later.
    for (let frame = 0; frame < 2; frame++) await new Promise(requestAnimationFrame)
    const { shifts, violations } = window.workbench
    // While a page is loading, there is nothing to focus.
    const isLost = document.querySelector('h1') && document.activeElement === document.body
    const lost = isLost ? ['nothing has the focus'] : []
    return [...shifts.map((shift) => `the page moves by ${shift}`), ...violations, ...lost]
  })
}

export function geometryFaults(page: Page): Promise<string[]> {
  return page.evaluate(() => window.workbench.geometryFaults())
}

export function allFaults(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const { geometryFaults, contrastFaults, axeFaults } = window.workbench
    return [...geometryFaults(), ...contrastFaults(), ...(await axeFaults())]
  })
}

/** The contrast of the same page in other colours, which change no size. */
export async function contrastFaults(page: Page, colorScheme: 'light' | 'dark'): Promise<string[]> {
  await page.emulateMedia({ colorScheme })
  return page.evaluate(() => window.workbench.contrastFaults())
}

export async function withLargeText<T>(page: Page, inspect: () => Promise<T>): Promise<T> {
  const enlarge = (size: string) =>
    page.evaluate((size) => {
      document.documentElement.style.fontSize = size
    }, size)
  await enlarge('200%')
  const result = await inspect()
  await enlarge('')
  return result
}
