// Lost responses: the pages repeat requests that the server has already executed, and users stay
// signed in.
import { expect, type Page } from '@playwright/test'
import { ageSignIns } from './support/database'
import { dropResponses } from './support/lost-responses'
import { otherCode, readCode } from './support/mail'
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

const verify = '**/api/auth/verify'
const dialog = (page: Page) => page.getByRole('dialog')
const session = async (page: Page) =>
  (await (await page.request.get('/api/auth/session')).json()).session

test('a sign-in whose response is lost is repeated and signs in, once', async ({ page, sana }) => {
  await requestCode(page)
  const { code } = await readCode(sana.url, address)
  const { dropped } = await dropResponses(page, verify, 2)
  await codeField(page).fill(code)
  await expectSignedIn(page)
  expect(dropped).toEqual([200, 200])
  const { sessions } = await (await page.request.get('/api/sessions')).json()
  expect(sessions).toHaveLength(1)
  const { events } = await (await page.request.get('/api/account/events')).json()
  expect(events.map(({ kind }: { kind: string }) => kind)).toEqual(['account_created'])
})

test('a status check during a lost response does not cancel the sign-in', async ({
  page,
  sana,
}) => {
  await requestCode(page)
  const { code } = await readCode(sana.url, address)
  await dropResponses(page, verify, 2)
  const read = page.waitForResponse(
    (response) => response.url().includes('/api/auth/verify') && response.ok(),
  )
  await codeField(page).fill(code)
  for (let check = 0; check < 5; check++) {
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
  }
  await read
  await expectSignedIn(page)
})

test('a wrong code whose response is lost is still a wrong code', async ({ page, sana }) => {
  await requestCode(page)
  const { code } = await readCode(sana.url, address)
  const { dropped } = await dropResponses(page, verify)
  await codeField(page).fill(otherCode(code))
  await expect(page.getByRole('alert')).toContainText('3 tries left')
  expect(dropped).toEqual([401])
  await codeField(page).fill(code)
  await expectSignedIn(page)
})

test('a step-up whose response is lost is repeated, and continues', async ({
  page,
  sana,
  database,
}) => {
  await signIn(page, sana.url)
  await page.goto('/account')
  await ageSignIns(database.url, page)
  const before = await session(page)
  await button(page, 'Download').click()
  const { code } = await readCode(sana.url, address, 2)
  await dropResponses(page, verify)
  const download = page.waitForEvent('download')
  await dialog(page).getByLabel('6-digit code').fill(code)
  await download
  expect((await session(page)).id, 'the session keeps its id').toBe(before.id)
})

test('a step-up without a response keeps users signed in, also after a reload', async ({
  page,
  sana,
  database,
}) => {
  await signIn(page, sana.url)
  await page.goto('/account')
  await ageSignIns(database.url, page)
  const before = await session(page)
  await button(page, 'Download').click()
  const { code } = await readCode(sana.url, address, 2)
  const { dropped } = await dropResponses(page, verify, 100)
  await dialog(page).getByLabel('6-digit code').fill(code)
  await expect.poll(() => dropped.length).toBeGreaterThan(1)

  for (let reload = 0; reload < 3; reload++) {
    await page.reload()
    await expect(page.getByLabel('Name')).toBeVisible()
  }
  expect((await session(page)).id).toBe(before.id)
  // The session is unchanged: sensitive calls still require a fresh sign-in.
  await page.unroute(verify)
  await button(page, 'Download').click()
  await expect(dialog(page)).toBeVisible()
})

test('a sign-out whose response is lost is repeated', async ({ page, sana }) => {
  await signIn(page, sana.url)
  const { dropped } = await dropResponses(page, '**/api/auth/sign-out', 2)
  await button(page, 'Sign out').click()
  await expect(page.getByText('You’ve signed out.')).toBeVisible()
  expect(dropped).toEqual([204, 204])
  await page.reload()
  await expect(heading(page, 'Sign in')).toBeVisible()
})

test('a deletion of the account whose response is lost is repeated', async ({ page, sana }) => {
  await signIn(page, sana.url)
  await page.goto('/account')
  await button(page, 'Delete account…').click()
  await page.getByLabel('Type your email address to confirm').fill(address)
  const { dropped } = await dropResponses(page, '**/api/account')
  await button(page, 'Delete account permanently').click()
  await expect(heading(page, 'Your account has been deleted')).toBeVisible()
  expect(dropped).toEqual([204])
})

test('a change of the address whose response is lost is repeated', async ({ page, sana }) => {
  const newAddress = 'mary@example.net'
  await signIn(page, sana.url)
  await page.goto('/account')
  await button(page, 'Change').click()
  await page.getByLabel('New email address').fill(newAddress)
  await button(page, 'Email me a code').click()
  const { code } = await readCode(sana.url, newAddress)
  const { dropped } = await dropResponses(page, '**/api/account/email/verify')
  await codeField(page).fill(code)
  await expect(page.getByText(`Your email address is now ${newAddress}.`)).toBeVisible()
  expect(dropped).toEqual([200])
})
