// A browser that blocks cookies is told so before any mail is sent.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type BrowserContext, chromium, expect } from '@playwright/test'
import { chromium as launch } from './support/chromium'
import { test as base } from './support/test'
import { address, button, heading } from './support/walk'

/** A Chromium of its own with "Block all cookies", as the settings page of the browser has it. */
const test = base.extend<{ blocking: BrowserContext }>({
  blocking: async ({ folder, address: baseURL }, use) => {
    const profile = join(folder, 'profile')
    mkdirSync(join(profile, 'Default'), { recursive: true })
    const preferences = { profile: { default_content_setting_values: { cookies: 2 } } }
    writeFileSync(join(profile, 'Default/Preferences'), JSON.stringify(preferences))
    const context = await chromium.launchPersistentContext(profile, { ...launch, baseURL })
    await use(context)
    await context.close()
  },
})
const notice = 'Your browser is blocking cookies.'

test('cookies blocked: the form says so when the server finds it, before a mail is sent', async ({
  blocking,
  sana,
}) => {
  const page = await blocking.newPage()
  await page.goto('/')
  await expect(heading(page, 'Sign in')).toBeVisible()
  expect(await page.evaluate(() => navigator.cookieEnabled), 'this browser does not say it').toBe(true)

  const asked: number[] = []
  page.on('response', (response) => {
    if (response.url().endsWith('/api/auth/code')) asked.push(response.status())
  })
  await page.getByLabel('E-mail address').fill(address)
  await button(page, 'Send me a code').click()
  await expect.poll(() => asked).toEqual([409, 409])
  await expect(page.getByRole('alert')).toContainText(notice)
  await expect(page.getByLabel('E-mail address')).toHaveValue(address)
  expect(await (await fetch(`${sana.url}/dev/inbox.json`)).json()).toEqual([])
})

test('cookies that get lost: the second refusal says so', async ({ page, context, sana }) => {
  await page.goto('/')
  await page.route('**/api/auth/code', async (route) => {
    await context.clearCookies()
    const headers = { ...route.request().headers(), cookie: '' }
    await route.continue({ headers })
  })
  await page.getByLabel('E-mail address').fill(address)
  await button(page, 'Send me a code').click()
  await expect(page.getByRole('alert')).toContainText(notice)
  expect(await (await fetch(`${sana.url}/dev/inbox.json`)).json()).toEqual([])
})

test('a page that is older than its browser token gets a new one by itself', async ({ page, context }) => {
  await page.goto('/')
  await context.clearCookies()
  await page.getByLabel('E-mail address').fill(address)
  await button(page, 'Send me a code').click()
  await expect(heading(page, 'Enter your code')).toBeVisible()
})
