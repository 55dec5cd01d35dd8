// A browser that keeps no cookies gets a message before any mail is sent. Chromium's headless shell
// cannot block cookies, so the test removes them from every request for a code.
import { expect } from '@playwright/test'
import { test } from './support/test'
import { address, button, heading } from './support/walk'

test('cookies that do not arrive: the second refusal says so, nothing is lost, no mail is sent', async ({
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
  const asked: number[] = []
  page.on('response', (response) => {
    if (response.url().endsWith('/api/auth/code')) asked.push(response.status())
  })
  await page.getByLabel('Email address').fill(address)
  await button(page, 'Email me a code').click()
  await expect(page.getByRole('alert')).toContainText('Your browser is blocking cookies.')
  expect(asked.slice(-2)).toEqual([409, 409])
  await expect(page.getByLabel('Email address')).toHaveValue(address)
  expect(await (await fetch(`${sana.url}/dev/inbox.json`)).json()).toEqual([])
})

test('a page that is older than its browser token gets a new one by itself', async ({
  page,
  context,
}) => {
  await page.goto('/')
  await context.clearCookies()
  await page.getByLabel('Email address').fill(address)
  await button(page, 'Email me a code').click()
  await expect(heading(page, 'Check your email')).toBeVisible()
})
