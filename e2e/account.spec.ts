// The account page with a real server: the name, the address, the export, the deletion, and the
// step-up between them.
import { readFileSync } from 'node:fs'
import { expect, type Page } from '@playwright/test'
import { ageSignIns } from './support/database'
import { mailsTo, otherCode, readCode, readMail } from './support/mail'
import type { Server } from './support/server'
import { test } from './support/test'
import { address, button, codeField, heading, signIn, signInToo } from './support/walk'

const newAddress = 'mary@example.net'
const link = (page: Page, name: string) => page.getByRole('navigation').getByRole('link', { name })

async function openAccount(page: Page, sana: Server): Promise<void> {
  await signIn(page, sana.url)
  await link(page, 'Account').click()
  await expect(heading(page, 'Account')).toBeFocused()
  await expect(page).toHaveTitle('Account – Sana')
}

async function requestChange(page: Page, email = newAddress): Promise<void> {
  await button(page, 'Change').click()
  await page.getByLabel('New email address').fill(email)
  await button(page, 'Email me a code').click()
}

test('a name is saved and confirmed', async ({ page, sana }) => {
  await openAccount(page, sana)
  await page.getByLabel('Name').fill('  Mary Shelley ')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('status').filter({ hasText: 'Saved.' })).toBeVisible()
  await expect(page.getByLabel('Name')).toHaveValue('Mary Shelley')
  await page.reload()
  await expect(page.getByLabel('Name')).toHaveValue('Mary Shelley')

  await page.getByLabel('Name').fill('m'.repeat(101))
  await button(page, 'Save').click()
  await expect(page.getByRole('alert')).toContainText('up to 100 characters')
  await expect(page.getByLabel('Name')).toBeFocused()
})

test('a change of the address notifies the old one and signs out other browsers', async ({
  page,
  browser,
  sana,
  address: url,
}) => {
  const other = await browser.newContext({ baseURL: url })
  const otherPage = await other.newPage()
  await signIn(otherPage, sana.url)
  await signInToo(page, sana)
  await page.goto('/account')
  await requestChange(page, address)
  await expect(page.getByRole('alert')).toContainText('already your email address')
  await page.getByLabel('New email address').fill(newAddress)
  await button(page, 'Email me a code').click()
  await expect(page.getByRole('status').filter({ hasText: newAddress })).toBeVisible()
  const { code } = await readCode(sana.url, newAddress)
  await page.reload()
  await codeField(page).fill(otherCode(code))
  await expect(page.getByRole('alert')).toContainText('4 tries left')
  await codeField(page).fill(code)
  await expect(
    page.getByText(`Your email address is now ${newAddress}. All other devices were signed out.`),
  ).toBeVisible()

  const notice = await readMail(sana.url, address, 'address')
  expect(notice.text).toContain('m•••@example.net')
  await otherPage.reload()
  await expect(heading(otherPage, 'Sign in')).toBeVisible()
  await expect(otherPage.getByText('because your email address was changed')).toBeVisible()
  await other.close()

  await link(page, 'Overview').click()
  await expect(page.getByRole('main').getByText(newAddress).first()).toBeVisible()
})

test('the link in the mail fills in the code and does not submit it', async ({ page, sana }) => {
  await openAccount(page, sana)
  await requestChange(page)
  const { link } = await readCode(sana.url, newAddress)
  await page.goto(link)
  await expect(page).toHaveURL(/\/account$/)
  await expect(codeField(page)).toHaveValue(/^\d{6}$/)
  await button(page, 'Change email address').click()
  await expect(page.getByText(`Your email address is now ${newAddress}.`)).toBeVisible()
})

test('an address of another account is refused after the right code', async ({
  page,
  browser,
  sana,
  address: url,
}) => {
  const otherUser = await browser.newContext({ baseURL: url })
  await signIn(await otherUser.newPage(), sana.url, newAddress)
  await otherUser.close()
  await openAccount(page, sana)
  await requestChange(page)
  const { code } = await readCode(sana.url, newAddress, 2)
  await codeField(page).fill(code)
  await expect(page.getByRole('alert')).toContainText('Another account already uses this address')
  await expect(page.getByLabel('New email address')).toHaveValue(newAddress)
  await button(page, 'Cancel').click()
  await expect(page.getByRole('main').getByText(address)).toBeVisible()
})

test('a cancelled change keeps the address', async ({ page, sana }) => {
  await openAccount(page, sana)
  await requestChange(page)
  await button(page, 'Use a different email address').click()
  await expect(page.getByLabel('New email address')).toHaveValue(newAddress)
  await button(page, 'Cancel').click()
  await page.reload()
  await expect(button(page, 'Change')).toBeVisible()
  await expect(page.getByRole('main').getByText(address)).toBeVisible()
})

test('the export is a file with all stored data', async ({ page, sana }) => {
  await openAccount(page, sana)
  const download = page.waitForEvent('download')
  await button(page, 'Download').click()
  const file = await download
  expect(file.suggestedFilename()).toMatch(/^sana-\d{4}-\d\d-\d\d\.json$/)
  const content = JSON.parse(readFileSync(await file.path(), 'utf8'))
  expect(content.account.email).toBe(address)
  expect(content.events.map(({ kind }: { kind: string }) => kind)).toContain('account_created')
  await expect(page.getByText('Downloaded.')).toBeVisible()
})

test('an account is deleted after a confirmation, and another tab shows it at once', async ({
  page,
  context,
  sana,
}) => {
  await openAccount(page, sana)
  const tab = await context.newPage()
  await tab.goto('/sessions')
  await expect(heading(tab, 'Your devices')).toBeVisible()

  await button(page, 'Delete account…').click()
  await page.getByLabel('Type your email address to confirm').fill('wrong@example.org')
  await button(page, 'Delete account permanently').click()
  await expect(page.getByRole('alert')).toContainText('doesn’t match your email address')
  await page.getByLabel('Type your email address to confirm').fill(address)
  await button(page, 'Delete account permanently').click()
  await expect(heading(page, 'Your account has been deleted')).toBeFocused()
  await expect(page).toHaveURL('/')
  await expect(page.getByText(address)).toHaveCount(0)
  await expect(heading(tab, 'Your account has been deleted')).toBeVisible()
  await button(page, 'Go to the start page').click()
  await expect(page.getByLabel('Email address')).toHaveValue('')
})

test.describe('with an old sign-in', () => {
  const dialog = (page: Page) => page.getByRole('dialog', { name: 'Confirm it’s you' })

  test.beforeEach(async ({ page, sana, database }) => {
    await openAccount(page, sana)
    await ageSignIns(database.url, page)
  })

  test('a download continues after a fresh code', async ({ page, sana }) => {
    const download = page.waitForEvent('download')
    await button(page, 'Download').click()
    await expect(dialog(page)).toBeVisible()
    const { code } = await readCode(sana.url, address, 2)
    await dialog(page).getByLabel('6-digit code').fill(code)
    await download
    await expect(dialog(page)).toHaveCount(0)
    await expect(page.getByText('Downloaded.')).toBeVisible()
  })

  test('a change of the address continues after a step-up, and keeps what was typed', async ({
    page,
    sana,
  }) => {
    await page.getByLabel('Name').fill('half a na')
    await requestChange(page)
    const { code } = await readCode(sana.url, address, 2)
    await dialog(page).getByLabel('6-digit code').fill(code)
    await expect(page.getByRole('status').filter({ hasText: newAddress })).toBeVisible()
    await expect(page.getByLabel('Name')).toHaveValue('half a na')
    const { code: second } = await readCode(sana.url, newAddress)
    await codeField(page).fill(second)
    await expect(page.getByText(`Your email address is now ${newAddress}.`)).toBeVisible()
  })

  test('deletion continues after a step-up', async ({ page, sana }) => {
    await button(page, 'Delete account…').click()
    await page.getByLabel('Type your email address to confirm').fill(address)
    await button(page, 'Delete account permanently').click()
    const { code } = await readCode(sana.url, address, 2)
    await dialog(page).getByLabel('6-digit code').fill(code)
    await expect(heading(page, 'Your account has been deleted')).toBeVisible()
  })

  test('Escape closes the dialog, changes nothing and restores the focus', async ({
    page,
    sana,
  }) => {
    await requestChange(page)
    await expect(dialog(page).getByLabel('6-digit code')).toBeFocused()
    for (let step = 0; step < 8; step++) {
      await page.keyboard.press('Tab')
      expect(
        await page.evaluate(
          () =>
            document.activeElement?.closest('main, header') &&
            !document.activeElement.closest('dialog'),
        ),
      ).toBeFalsy()
    }
    await page.keyboard.press('Escape')
    await expect(dialog(page)).toHaveCount(0)
    await expect(button(page, 'Email me a code')).toBeFocused()
    await expect(page.getByLabel('New email address')).toHaveValue(newAddress)
    expect(await mailsTo(sana.url, newAddress)).toEqual([])
  })
})
