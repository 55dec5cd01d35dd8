import { expect } from '@playwright/test'
import { test } from './support/test'
import { button, firefox, heading, signIn, signInToo } from './support/walk'

test('a browser whose session was revoked shows the reason until the next sign-in', async ({
  page,
  browser,
  sana,
  address: url,
}) => {
  await signIn(page, sana.url)
  const other = await browser.newContext({ userAgent: firefox, baseURL: url })
  const otherPage = await other.newPage()
  await signInToo(otherPage, sana)
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

  await signInToo(page, sana, 3)
  await button(page, 'Sign out').click()
  await expect(heading(page, 'Sign in')).toBeVisible()
  await page.reload()
  await expect(heading(page, 'Sign in')).toBeVisible()
  await expect(page.getByText('You signed out of all your devices')).toHaveCount(0)
})
