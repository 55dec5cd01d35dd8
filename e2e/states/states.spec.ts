// Every page in every state, in light and in dark, on a phone and on a desktop: no fault that axe
// can find, nothing that overlaps, is cut off, too small to click or too pale to read, no layout
// shift while the page loads, and nothing that the page's policies forbid.
import { expect } from '@playwright/test'
import { requiredVariable } from '../support/chromium'
import {
  allFaults,
  arrivalFaults,
  contrastFaults,
  desktop,
  geometryFaults,
  narrow,
  open,
  phone,
  show,
  test,
  withLargeText,
} from './workbench'

// Loading a page takes as long as inspecting it: every other state is loaded on a phone and then
// shown on a desktop, the rest the other way round.
for (const [place, id] of (JSON.parse(requiredVariable('SANA_STATES')) as string[]).entries()) {
  const devices = [
    { name: 'phone', size: phone, colours: 'light', others: 'dark' },
    { name: 'desktop', size: desktop, colours: 'dark', others: 'light' },
  ] as const
  test(id, async ({ workbench: page }) => {
    const consoleErrors: string[] = []
    const record = (error: Error) => consoleErrors.push(String(error))
    page.on('pageerror', record)
    const faults: Record<string, string[]> = {}

    const [first, second] = place % 2 === 0 ? devices : devices.toReversed()
    if (!(first && second)) throw new Error('there are two devices')
    await open(page, id, first.size, first.colours)
    faults[`arriving on a ${first.name}`] = await arrivalFaults(page)
    for (const { name, size, colours, others } of [first, second]) {
      await show(page, size, colours)
      faults[`${name}, ${colours}`] = await allFaults(page)
      faults[`${name}, ${others}`] = await contrastFaults(page, others)
      faults[`${name}, text twice as large`] = await withLargeText(page, () => geometryFaults(page))
    }
    await page.setViewportSize(narrow)
    faults['320 px'] = await geometryFaults(page)

    page.off('pageerror', record)
    const found = Object.entries(faults).filter(([, found]) => found.length > 0)
    expect(Object.fromEntries(found)).toEqual({})
    expect(consoleErrors).toEqual([])
  })
}
