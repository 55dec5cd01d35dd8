// A browser that stores no cookies shows a message before any mail is sent. Chromium's headless
// shell cannot block cookies, so the test removes them from every request for a code.
import { expect } from '@playwright/test'
import { mailsTo } from './support/mail'
import { test } from './support/test'
import { address, button, heading } from './support/walk'

test('blocked cookies are reported after the second refusal, and no mail is sent', async ({
  page,
  context,
  sana,
}) => {
  await page.goto('/')
  await page.route('**/api/auth/code', async (route) => {
    await context.clearCookies()
    const headers = { ...route.request().headers(), cookie: '' }
    await route.continue({ headers })
  })
  const statuses: number[] = []
  page.on('response', (response) => {
    if (response.url().endsWith('/api/auth/code')) statuses.push(response.status())
  })
  await page.getByLabel('Email address').fill(address)
  await button(page, 'Email me a code').click()
  await expect(page.getByRole('alert')).toContainText('Your browser is blocking cookies.')
  expect(statuses.slice(-2)).toEqual([409, 409])
  await expect(page.getByLabel('Email address')).toHaveValue(address)
  expect(await mailsTo(sana.url, address)).toEqual([])
})

test('an open page replaces a lost browser token by itself', async ({ page, context }) => {
  await page.goto('/')
  await context.clearCookies()
  await page.getByLabel('Email address').fill(address)
  await button(page, 'Email me a code').click()
  await expect(heading(page, 'Check your email')).toBeVisible()
})
