// Every page in every state, in light and in dark, on a phone and on a desktop: no fault that axe
// can find, nothing that overlaps, is cut off, too small to click or too pale to read, no layout
// shift while the page loads, and nothing that the page's policies forbid.
import { expect } from '@playwright/test'
import { given } from '../support/chromium'
import {
  allFaults,
  arrivalFaults,
  colourFaults,
  desktop,
  geometryFaults,
  narrow,
  open,
  phone,
  test,
  withLargeText,
} from './stage'

for (const id of JSON.parse(given('SANA_STATES')) as string[]) {
  test(id, async ({ stage: page }) => {
    const complaints: string[] = []
    const listen = (error: Error) => complaints.push(String(error))
    page.on('pageerror', listen)
    const faults: Record<string, string[]> = {}

    await open(page, id, phone, 'light')
    faults['arriving on a phone'] = await arrivalFaults(page)
    faults['phone, light'] = await allFaults(page)
    faults['phone, dark'] = await colourFaults(page, 'dark')
    faults['phone, text twice as large'] = await withLargeText(page, () => geometryFaults(page))
    await page.setViewportSize(narrow)
    faults['320 px'] = await geometryFaults(page)

    await open(page, id, desktop, 'dark')
    faults['arriving on a desktop'] = await arrivalFaults(page)
    faults['desktop, dark'] = await allFaults(page)
    faults['desktop, light'] = await colourFaults(page, 'light')
    faults['desktop, text twice as large'] = await withLargeText(page, () => geometryFaults(page))

    page.off('pageerror', listen)
    const found = Object.entries(faults).filter(([, found]) => found.length > 0)
    expect(Object.fromEntries(found)).toEqual({})
    expect(complaints).toEqual([])
  })
}
