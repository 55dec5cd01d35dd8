// The list of sessions and the events of an account.
import { expect, type Page } from '@playwright/test'
import { ageSignIns } from './support/database'
import { readCode } from './support/mail'
import { test as base } from './support/test'
import { address, button, firefox, heading, signIn, signInToo } from './support/walk'

const items = (page: Page) => page.getByRole('main').getByRole('listitem')

/** Adds a second browser that is signed in, for the tests that use it. */
const test = base.extend<{ other: Page }>({
  other: async ({ browser, sana, address: baseURL }, use) => {
    const context = await browser.newContext({ userAgent: firefox, baseURL })
    const page = await context.newPage()
    await signIn(page, sana.url)
    await use(page)
    await context.close()
  },
})

test('another browser is listed and can be signed out alone', async ({ page, other, sana }) => {
  await signInToo(page, sana)
  await page.goto('/sessions')
  await expect(heading(page, 'Your devices')).toBeVisible()
  await expect(items(page)).toHaveCount(2)
  await expect(items(page).first()).toContainText('This device')
  await expect(items(page).last()).toContainText('Firefox on Linux')
  await expect(items(page).last()).toContainText('Active')

  await items(page).last().getByRole('button', { name: 'Sign out' }).click()
  await expect(
    page.getByRole('status').filter({ hasText: 'Signed out Firefox on Linux.' }),
  ).toBeVisible()
  await expect(items(page)).toHaveCount(1)
  await other.reload()
  await expect(heading(other, 'Sign in')).toBeVisible()
  await expect(other.getByText('You were signed out')).toBeVisible()

  await page.getByRole('link', { name: 'Activity' }).click()
  await expect(items(page).first()).toContainText('Signed out another device: Firefox on Linux')
})

test('after a step-up the sign-out of all others continues by itself', async ({
  page,
  other,
  sana,
  database,
}) => {
  await signInToo(page, sana)
  await ageSignIns(database.url, page)
  await page.goto('/sessions')
  await button(page, 'Sign out of all other devices').click()
  await page.getByRole('main').getByRole('button', { name: 'Sign out', exact: true }).click()
  const { code } = await readCode(sana.url, address, 3)
  await page.getByRole('dialog').getByLabel('6-digit code').fill(code)
  await expect(
    page.getByRole('status').filter({ hasText: 'All other devices are signed out.' }),
  ).toBeVisible()
  await expect(items(page)).toHaveCount(1)
  await other.reload()
  await expect(heading(other, 'Sign in')).toBeVisible()
})

test('events are listed by day, newest first, in pages', async ({ page, sana }) => {
  await signIn(page, sana.url)
  for (let count = 0; count < 51; count++) {
    await page.evaluate(
      (name) =>
        fetch('/api/account', {
          method: 'PATCH',
          headers: { 'Content-Type': 'application/json' },
          body: JSON.stringify({ name }),
        }),
      `Mary ${count}`,
    )
  }
  await page.goto('/activity')
  await expect(heading(page, 'Activity')).toBeVisible()
  await expect(page.getByRole('heading', { level: 2 })).toHaveCount(1)
  await expect(items(page)).toHaveCount(50)
  await expect(items(page).first()).toContainText('Name changed')
  await button(page, 'Show more').click()
  await expect(items(page)).toHaveCount(52)
  await expect(items(page).last()).toContainText('Account created')
  await expect(button(page, 'Show more')).toHaveCount(0)
})
