// What a person reads when a limit is reached, mostly by others. The browser's clock is wrong: the times come from the server.
import { type APIRequestContext, expect } from '@playwright/test'
import { readCode } from './support/mail'
import { test } from './support/test'
import { address, askForCode, button, codeField } from './support/walk'

/** A stranger asks for a code, and types as many wrong ones as he may. */
async function guess(stranger: APIRequestContext, url: string, email: string): Promise<void> {
  const options = { headers: { Origin: url } }
  await stranger.post(`${url}/api/auth/code`, { ...options, data: { email } })
  for (let n = 0; n < 5; n++) await stranger.post(`${url}/api/auth/verify`, { ...options, data: { code: '000000' } })
}

test.beforeEach(({ page }) => page.clock.install({ time: new Date('2001-02-03') }))

test('wrong codes of strangers: the page says so, and counts the time down', async ({ page, playwright, sana }) => {
  await askForCode(page)
  const { code } = await readCode(sana.url, address)
  for (let stranger = 0; stranger < 2; stranger++) await guess(await playwright.request.newContext(), sana.url, address)

  await codeField(page).fill(code)
  await expect(page.getByRole('alert')).toContainText('too many wrong codes for this address')
  await expect(page.getByText(/^Time left: (1:00:00|59:\d\d)$/)).toBeVisible()
  await page.clock.fastForward('05:00')
  await expect(page.getByText(/^Time left: (55:00|54:\d\d)$/)).toBeVisible()
})

test('codes that strangers have asked for: the page says that none was sent, and when one can be', async ({
  page,
  playwright,
  sana,
}) => {
  await guess(await playwright.request.newContext(), sana.url, address)
  await askForCode(page)
  await expect(page.getByRole('status').filter({ hasText: address })).toContainText('No further mail has gone to')
  await expect(button(page, 'Send the code again')).toHaveAccessibleDescription(/^in 0:\d\d$/)
})

test('a network that has asked for too many codes: the form says so, with the time left', async ({
  page,
  playwright,
  sana,
}) => {
  for (let n = 0; n < 10; n++) {
    const stranger = await playwright.request.newContext()
    await stranger.post(`${sana.url}/api/auth/code`, {
      headers: { Origin: sana.url },
      data: { email: `person${n}@example.org` },
    })
  }
  await page.goto('/')
  await page.getByLabel('E-mail address').fill(address)
  await button(page, 'Send me a code').click()
  await expect(page.getByRole('alert')).toContainText('Too much is coming from your network')
  await expect(page.getByText(/^Time left: (1:00:00|59:\d\d)$/)).toBeVisible()
})
