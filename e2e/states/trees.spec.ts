// The accessibility tree of each page, as files beside this one. To update them: npm test -- states
// -g "accessibility tree" --update-snapshots
import { expect } from '@playwright/test'
import { requiredVariable } from '../support/chromium'
import { desktop, open, test } from './workbench'

const pages = [
  'sign-in/form',
  'sign-in/of-the-last-visit',
  'sign-in/with-passkeys',
  'code/code-from-the-link',
  'code/no-such-mailbox',
  'home/signed-in',
  'account/account',
  'account/access-keys',
  'account/passkeys',
  'account/proof-with-a-passkey-or-a-code',
  'recovery/waiting',
  'sessions/several',
  'activity/everything-that-can-happen',
  'not-found/no-such-page',
]

for (const id of pages) {
  test(`the accessibility tree of ${id}`, async ({ browser }) => {
    const page = await browser.newPage({
      baseURL: requiredVariable('SANA_WORKBENCH'),
      reducedMotion: 'reduce',
      timezoneId: 'UTC',
    })
    await page.clock.setFixedTime('2026-04-01T12:00:30Z')
    await open(page, id, desktop, 'light')
    await expect(page.locator('body')).toMatchAriaSnapshot({
      name: `${id.replace('/', '-')}.aria.yml`,
    })
    await page.close()
  })
}
