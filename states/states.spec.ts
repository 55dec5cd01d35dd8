// Every page in every state, in light and in dark, on a phone and on a desktop: no fault that axe can find, nothing that
// overlaps, is cut off, too small to be hit or too pale to be read, nothing that moves while the page comes about, and
// nothing that the page's policies do not allow.
import { test as base, expect, type Page } from '@playwright/test'
import { given } from '../e2e/support/chromium'

const phone = { width: 360, height: 740 }
const desktop = { width: 1280, height: 800 }
/** The width that pages are to be read at without scrolling sideways (WCAG 2.2, 1.4.10). */
const narrow = { width: 320, height: 640 }

interface Workbench {
  geometryFaults: () => string[]
  contrastFaults: () => string[]
  axeFaults: () => Promise<string[]>
  shifts: number[]
  violations: string[]
}
declare const window: { workbench: Workbench }
declare const document: { documentElement: { style: { fontSize: string } } }

// One page for all tests of a worker: a new one takes longer than what is looked at in it.
const test = base.extend<object, { stage: Page }>({
  stage: [
    async ({ browser }, use) => {
      const page = await browser.newPage({ baseURL: given('SANA_WORKBENCH'), reducedMotion: 'reduce' })
      await use(page)
      await page.close()
    },
    { scope: 'worker' },
  ],
})

for (const id of JSON.parse(given('SANA_STATES')) as string[]) {
  test(id, async ({ stage: page }) => {
    const complaints: string[] = []
    const listen = (error: Error) => complaints.push(String(error))
    page.on('pageerror', listen)
    const faults: Record<string, string[]> = {}

    await open(page, id, phone, 'light')
    faults['arriving on a phone'] = await arrivalFaults(page)
    faults['phone, light'] = await allFaults(page)
    await page.emulateMedia({ colorScheme: 'dark' })
    faults['phone, dark'] = await allFaults(page)
    faults['phone, text twice as large'] = await withLargeText(page, () => geometryFaults(page))
    await page.setViewportSize(narrow)
    faults['320 px'] = await geometryFaults(page)

    await open(page, id, desktop, 'dark')
    faults['arriving on a desktop'] = await arrivalFaults(page)
    faults['desktop, dark'] = await allFaults(page)
    await page.emulateMedia({ colorScheme: 'light' })
    faults['desktop, light'] = await allFaults(page)
    faults['desktop, text twice as large'] = await withLargeText(page, () => geometryFaults(page))

    page.off('pageerror', listen)
    const found = Object.entries(faults).filter(([, found]) => found.length > 0)
    expect(Object.fromEntries(found)).toEqual({})
    expect(complaints).toEqual([])
  })
}

async function open(page: Page, id: string, size: typeof phone, colorScheme: 'light' | 'dark'): Promise<void> {
  await page.setViewportSize(size)
  await page.emulateMedia({ colorScheme })
  await page.goto(`/?state=${id}`)
  await page.locator('html[data-state=reached]').waitFor()
}

function arrivalFaults(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const { shifts, violations } = window.workbench
    return [...shifts.map((shift) => `the page moves by ${shift}`), ...violations]
  })
}

function geometryFaults(page: Page): Promise<string[]> {
  return page.evaluate(() => window.workbench.geometryFaults())
}

function allFaults(page: Page): Promise<string[]> {
  return page.evaluate(async () => {
    const { geometryFaults, contrastFaults, axeFaults } = window.workbench
    return [...geometryFaults(), ...contrastFaults(), ...(await axeFaults())]
  })
}

async function withLargeText<T>(page: Page, look: () => Promise<T>): Promise<T> {
  const enlarge = (size: string) => page.evaluate((size) => (document.documentElement.style.fontSize = size), size)
  await enlarge('200%')
  const seen = await look()
  await enlarge('')
  return seen
}
