import { expect } from '@playwright/test'
import { readCode } from './support/mail'
import { test } from './support/test'
import {
  address,
  askForCode,
  button,
  codeField,
  expectSignedIn,
  heading,
  signIn,
} from './support/walk'

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'

test('a browser whose session was revoked elsewhere says so, until its user signs in again', async ({
  page,
  browser,
  sana,
  address: url,
}) => {
  await signIn(page, sana.url)
  const other = await browser.newContext({ userAgent: firefox, baseURL: url })
  const elsewhere = await other.newPage()
  await askForCode(elsewhere)
  const { code } = await readCode(sana.url, address, 2)
  await codeField(elsewhere).fill(code)
  await expectSignedIn(elsewhere)
  const status = await elsewhere.evaluate(
    async () => (await fetch('/api/sessions', { method: 'DELETE' })).status,
  )
  expect(status).toBe(204)
  await other.close()

  await page.reload()
  await expect(heading(page, 'Sign in')).toBeVisible()
  const why = page.getByRole('status').filter({ hasText: 'You signed out of all your devices' })
  await expect(why).toContainText('using Firefox on Linux')
  await page.reload()
  await expect(why).toBeVisible()

  await page.getByLabel('Email address').fill(address)
  await button(page, 'Email me a code').click()
  await expect(heading(page, 'Check your email')).toBeVisible()
  await codeField(page).fill((await readCode(sana.url, address, 3)).code)
  await expectSignedIn(page)
  await button(page, 'Sign out').click()
  await expect(heading(page, 'Sign in')).toBeVisible()
  await page.reload()
  await expect(heading(page, 'Sign in')).toBeVisible()
  await expect(page.getByText('You signed out of all your devices')).toHaveCount(0)
})
