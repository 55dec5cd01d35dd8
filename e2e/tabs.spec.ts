// Other tabs, a lost network, an unavailable server, and the browser's back button.
import { expect, type Page } from '@playwright/test'
import { ageSignIns } from './support/database'
import { otherCode, readCode } from './support/mail'
import { refuse } from './support/refusal'
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

const link = (page: Page, name: string) => page.getByRole('navigation').getByRole('link', { name })

test('the other tabs show a sign-in and a sign-out at once', async ({ page, context, sana }) => {
  const form = await context.newPage()
  await form.goto('/account')
  await expect(heading(form, 'Sign in')).toBeVisible()
  const code = await context.newPage()
  await requestCode(page)
  await code.goto('/verify')
  await expect(codeField(code)).toBeVisible()
  const { code: digits } = await readCode(sana.url, address)
  await codeField(page).fill(digits)

  await expectSignedIn(page)
  await expectSignedIn(code)
  await expect(heading(form, 'Account'), 'the requested page').toBeVisible()

  await button(page, 'Sign out').click()
  for (const tab of [page, code, form]) {
    await expect(heading(tab, 'Sign in')).toBeVisible()
    await expect(tab.getByText('You’ve signed out.')).toBeVisible()
    await expect(tab.getByText(address)).toHaveCount(0)
  }
})

test('two tabs sign in with two addresses, also after a reload', async ({
  page,
  context,
  sana,
}) => {
  const ada = 'ada@example.net'
  const tab = await context.newPage()
  await requestCode(page)
  await requestCode(tab, ada)
  const { code: first } = await readCode(sana.url, address)
  const { code: second } = await readCode(sana.url, ada)
  for (const each of [page, tab]) await each.reload()
  await expect(page.getByText(address)).toBeVisible()
  await expect(tab.getByText(ada)).toBeVisible()

  await codeField(tab).fill(otherCode(second))
  await expect(tab.getByRole('alert')).toContainText('4 tries left')
  await codeField(page).fill(first)
  await expectSignedIn(page)
  await expect(codeField(tab)).toBeVisible()
  await codeField(tab).fill(second)
  await expectSignedIn(tab, ada)
  await expectSignedIn(page, ada)
})

test('another address in one tab leaves the code of another tab valid', async ({
  page,
  context,
  sana,
}) => {
  const tab = await context.newPage()
  await requestCode(page)
  await requestCode(tab, 'ada@example.net')
  const { code } = await readCode(sana.url, address)
  await button(tab, 'Use a different email address').click()
  await expect(heading(tab, 'Sign in')).toBeVisible()
  await codeField(page).fill(code)
  await expectSignedIn(page)
})

test('a visitor who signs in returns to the requested page', async ({ page, sana }) => {
  await page.goto('/activity')
  await expect(heading(page, 'Sign in')).toBeVisible()
  await expect(page).toHaveURL('/?next=%2Factivity')
  await page.getByLabel('Email address').fill(address)
  await button(page, 'Email me a code').click()
  await expect(page).toHaveURL('/verify?next=%2Factivity')
  const { code } = await readCode(sana.url, address)
  await codeField(page).fill(code)
  await expect(heading(page, 'Activity')).toBeVisible()
  await expect(page).toHaveURL('/activity')
})

test('a page from the back/forward cache shows nothing of the user after a sign-out', async ({
  page,
  context,
  sana,
  address: url,
}) => {
  await signIn(page, sana.url)
  await link(page, 'Account').click()
  await expect(page.getByRole('main').getByText(address)).toBeVisible()
  // Simulates the browser leaving the page and storing it in the back/forward cache.
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pagehide', { persisted: true })))
  await expect(page.locator('body')).toBeHidden()

  // A stored page receives no notification of this, and neither does this one.
  const signOut = await context.request.post(`${url}/api/auth/sign-out`, {
    headers: { Origin: url },
    data: {},
  })
  expect(signOut.status()).toBe(204)
  await page.evaluate(() => dispatchEvent(new PageTransitionEvent('pageshow', { persisted: true })))
  await expect(page.locator('body')).toBeVisible()
  await expect(page.getByText(address)).toHaveCount(0)
  await expect(heading(page, 'Sign in')).toBeVisible()
})

test('a lost network is reported, and pending requests continue when it is back', async ({
  page,
  context,
  sana,
}) => {
  await signIn(page, sana.url)
  await context.setOffline(true)
  await expect(page.getByText('You’re offline. We’ll keep trying.')).toBeVisible()
  await link(page, 'Devices').click()
  await expect(heading(page, 'Your devices')).toBeVisible()
  await expect(page.getByRole('listitem')).toHaveCount(0)
  await context.setOffline(false)
  await expect(page.getByText('This device', { exact: true })).toBeVisible()
  await expect(page.getByText('You’re offline.')).toHaveCount(0)
})

test('the page waits for a restarted server, and users stay signed in', async ({ page, sana }) => {
  await signIn(page, sana.url)
  await link(page, 'Account').click()
  await page.getByLabel('Name').fill('Mary')
  await sana.kill()
  await button(page, 'Save').click()
  await expect(page.getByRole('alert')).toContainText('can’t reach')
  await link(page, 'Activity').click()
  await expect(page.getByRole('alert')).toContainText('We’ll keep trying.')
  await sana.start()
  await expect(page.getByText('Account created')).toBeVisible({ timeout: 40_000 })
})

for (const [status, code, words] of [
  [503, 'unavailable', 'Sana is temporarily unavailable.'],
  [429, 'too_many_requests', 'Try again in 0:30.'],
] as const) {
  test(`a ${status} is reported, keeps the page, and is temporary`, async ({ page, sana }) => {
    await signIn(page, sana.url)
    await refuse(page, '**/api/sessions', status, code, 30)
    await link(page, 'Devices').click()
    await expect(page.getByText(words)).toBeVisible()
    await expect(heading(page, 'Your devices')).toBeVisible()
    await page.unroute('**/api/sessions')
    await button(page, 'Try again').click()
    await expect(page.getByText('This device', { exact: true })).toBeVisible()
  })
}

test('a tab reloads its data when it becomes visible again', async ({
  page,
  context,
  sana,
  address: url,
}) => {
  await signIn(page, sana.url)
  await link(page, 'Activity').click()
  await expect(page.getByText('Account created')).toBeVisible()
  const name = { method: 'PATCH', headers: { Origin: url }, data: { name: 'Mary' } }
  expect((await context.request.fetch(`${url}/api/account`, name)).status()).toBe(200)
  await expect(page.getByText('Name changed')).toHaveCount(0)
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
  await expect(page.getByText('Name changed')).toBeVisible()
})

test('everything works with the keyboard only', async ({ page, sana, database }) => {
  const key = page.keyboard
  const focused = (name: string) => expect(page.locator(':focus')).toHaveAccessibleName(name)
  await page.goto('/')
  await focused('Email address')
  await key.type(address)
  await key.press('Enter')
  await focused('6-digit code')
  const { code } = await readCode(sana.url, address)
  await key.type(code)
  await focused('Your account')
  await ageSignIns(database.url, page)

  await key.press('Shift+Tab')
  await focused('Activity')
  await key.press('Shift+Tab')
  await key.press('Shift+Tab')
  await focused('Account')
  await key.press('Enter')
  await expect(heading(page, 'Account')).toBeFocused() // the link has the same name
  await expect(page.getByLabel('Name')).toBeVisible()
  await key.press('Tab')
  await focused('Name')
  await key.type('Mary')
  await key.press('Enter')
  await expect(page.getByText('Saved.')).toBeVisible()
  await key.press('Tab')
  await key.press('Tab')
  await focused('Change')
  await key.press('Enter')
  await focused('New email address')
  await key.type('mary@example.net')
  await key.press('Enter')
  await focused('6-digit code')
  await key.type((await readCode(sana.url, address, 2)).code)
  await expect(page.getByRole('dialog')).toHaveCount(0)
  await focused('6-digit code')
  await key.type((await readCode(sana.url, 'mary@example.net')).code)
  await expect(page.getByText('Your email address is now mary@example.net.')).toBeVisible()
  await focused('Email address')

  /** Presses Tab until the element of this name has the focus. */
  const tabTo = async (name: string, press = 'Tab') => {
    await expect(async () => {
      await key.press(press)
      await expect(page.locator(':focus')).toHaveAccessibleName(name, { timeout: 1 })
    }).toPass({ intervals: [0] })
  }
  await tabTo('Devices', 'Shift+Tab')
  await key.press('Enter')
  await expect(heading(page, 'Devices')).toBeFocused()
  await expect(page.getByText('This device')).toBeVisible()
  await tabTo('Activity', 'Shift+Tab')
  await key.press('Enter')
  await expect(heading(page, 'Activity')).toBeFocused()
  await tabTo('Sign out', 'Shift+Tab')
  await key.press('Enter')
  await expect(heading(page, 'Sign in')).toBeVisible()
  await tabTo('Language')
  await key.press('d') // Deutsch
  await expect(heading(page, 'Anmelden')).toBeVisible()
})
