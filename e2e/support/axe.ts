// The faults that axe finds on a page. @axe-core/playwright would load axe again before each check,
// which takes longer than the check.

import type { Page } from '@playwright/test'
import axe from 'axe-core'

const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

/**
 * The violations, and any contrast that axe cannot determine. Frames are skipped: scripts,
 * including axe, do not run in those of mails.
 */
export async function axeFaults(page: Page): Promise<string[]> {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe.source)
  const { violations, incomplete } = await page.evaluate((values) => {
    const { axe: loaded } = window as unknown as { axe: typeof axe }
    return loaded.run({ exclude: ['iframe'] }, { iframes: false, runOnly: { type: 'tag', values } })
  }, tags)
  const unclear = incomplete.filter(({ id }) => id === 'color-contrast')
  return [...violations, ...unclear].map(
    ({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`,
  )
}
