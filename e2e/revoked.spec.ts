import { expect } from '@playwright/test'
import { readCode } from './support/mail'
import { test } from './support/test'
import {
  address,
  button,
  codeField,
  expectSignedIn,
  heading,
  requestCode,
  signIn,
} from './support/walk'

const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'

test('a browser whose session was revoked shows the reason until the next sign-in', async ({
  page,
  browser,
  sana,
  address: url,
}) => {
  await signIn(page, sana.url)
  const other = await browser.newContext({ userAgent: firefox, baseURL: url })
  const otherPage = await other.newPage()
  await requestCode(otherPage)
  const { code } = await readCode(sana.url, address, 2)
  await codeField(otherPage).fill(code)
  await expectSignedIn(otherPage)
  const status = await otherPage.evaluate(
    async () => (await fetch('/api/sessions', { method: 'DELETE' })).status,
  )
  expect(status).toBe(204)
  await other.close()

  await page.reload()
  await expect(heading(page, 'Sign in')).toBeVisible()
  const reason = page.getByRole('status').filter({ hasText: 'You signed out of all your devices' })
  await expect(reason).toContainText('using Firefox on Linux')
  await page.reload()
  await expect(reason).toBeVisible()

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
