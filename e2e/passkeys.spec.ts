// Passkeys in a real browser, with authenticators of its devtools: the ceremonies are Chromium's
// own.
import { expect, type Page, type Route } from '@playwright/test'
import { Authenticator } from './support/authenticator'
import { endRecovery, letTimePass } from './support/database'
import { readCode, readMail } from './support/mail'
import type { Server } from './support/server'
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

// An IP address has no passkeys.
test.use({ host: 'localhost' })

const passkeyButton = (page: Page) => button(page, 'Sign in with a passkey')
const dialog = (page: Page) => page.getByRole('dialog')

/** Adds a passkey on the account page. */
async function add(page: Page): Promise<void> {
  await page.goto('/account')
  const before = await button(page, 'Add a passkey').isVisible()
  const rows = page.getByRole('button', { name: /^Remove: / })
  const count = before ? await rows.count() : 0
  await button(page, 'Add a passkey').click()
  await expect(rows).toHaveCount(count + 1)
}

/** Answers with the options of a ceremony that is over before its user can do anything. */
async function timesOutAtOnce(route: Route): Promise<void> {
  if (route.request().method() !== 'GET') return route.fallback()
  const response = await route.fetch()
  await route.fulfill({ response, json: { ...(await response.json()), timeout: 100 } })
}

/** A browser that fills in no passkeys: they are for the button then. */
async function withoutAutofill(page: Page): Promise<void> {
  await page.addInitScript(() => {
    PublicKeyCredential.isConditionalMediationAvailable = async () => await Promise.resolve(false)
  })
}

async function signOut(page: Page): Promise<void> {
  await button(page, 'Sign out').click()
  await expect(heading(page, 'Sign in')).toBeVisible()
}

async function signInWithCode(
  page: Page,
  sana: Server,
  email: string,
  mails: number,
): Promise<void> {
  await askForCode(page, email)
  const { code } = await readCode(sana.url, email, mails)
  await codeField(page).fill(code)
}

test('a passkey is offered after a code, signs in by the button, steps up, is renamed, and is gone once removed', async ({
  page,
  sana,
  database,
}) => {
  await withoutAutofill(page)
  const authenticator = await Authenticator.of(page)
  await signIn(page, sana.url)
  await expect(button(page, 'Not now')).toBeVisible()
  await button(page, 'Add a passkey').click()
  await expect(page.getByRole('status').filter({ hasText: 'Passkey added:' })).toBeVisible()
  expect(await authenticator.passkeys()).toHaveLength(1)
  await readMail(sana.url, address, 'passkey')

  await signOut(page)
  await passkeyButton(page).click()
  await expectSignedIn(page)
  await expect(button(page, 'Not now')).toHaveCount(0)

  await letTimePass(database.url, page)
  await page.goto('/account')
  await page.getByRole('button', { name: /^Rename: / }).click()
  await page.getByLabel('Name').last().fill('Laptop')
  await button(page, 'Save').last().click()
  const prove = dialog(page).getByRole('button', { name: 'Sign in with a passkey' })
  await authenticator.setVerified(false)
  await prove.click()
  await expect(dialog(page)).toContainText('No passkey was used. Try again, or use a code.')
  await authenticator.setVerified(true)
  await prove.click()
  await expect(dialog(page)).toHaveCount(0)
  await expect(button(page, 'Rename: Laptop')).toBeFocused()

  await button(page, 'Remove: Laptop').click()
  await expect(
    page.getByRole('status').filter({ hasText: 'Passkey removed: Laptop' }),
  ).toBeVisible()
  await signOut(page)
  await passkeyButton(page).click()
  await expect(page.getByRole('alert')).toContainText(
    'We don’t know this passkey, or it was removed.',
  )
  await expect(passkeyButton(page)).toBeFocused()
  // The page has told the browser so.
  await expect.poll(async () => (await authenticator.passkeys()).length).toBe(0)
})

test('the address field offers a passkey, which signs in without a press, on the way to an app too', async ({
  page,
  sana,
}) => {
  const authenticator = await Authenticator.of(page)
  await signIn(page, sana.url)
  await add(page)
  await authenticator.setPresent(false)
  await signOut(page)
  await expect(page.getByLabel('Email address')).toHaveAttribute(
    'autocomplete',
    'username webauthn',
  )
  await expect(passkeyButton(page)).toBeVisible()
  await authenticator.setPresent(true)
  await page.goto('/?next=%2Factivity')
  await expect(heading(page, 'Activity')).toBeVisible()
  await expect(page.getByText('Passkey added: ')).toBeVisible()
})

test('a ceremony that times out, proves no user or is left says what to do and leaves the page as it was; the button ends the offer of the address field; two tabs do not disturb each other', async ({
  page,
  context,
  sana,
}) => {
  const authenticator = await Authenticator.of(page)
  await signIn(page, sana.url)
  await authenticator.setVerified(false)
  await button(page, 'Add a passkey').click()
  await expect(page.getByText('No passkey was added. You can try again.')).toBeVisible()
  await authenticator.setVerified(true)
  await add(page)
  // From here on the address field offers the passkey, and its user does not touch it.
  await authenticator.setPresent(false)
  await signOut(page)

  // A passkey of another site is not even offered.
  await authenticator.addOfAnotherSite()
  await page.getByLabel('Email address').fill('mary@exa')
  const expectAsBefore = async () => {
    await expect(page.getByText('No passkey was used. Try again, or use a code.')).toBeVisible()
    await expect(passkeyButton(page)).toHaveAttribute('aria-disabled', 'false')
    await expect(page.getByRole('alert')).toHaveCount(0)
    await expect(passkeyButton(page)).toBeFocused()
    await expect(page.getByLabel('Email address')).toHaveValue('mary@exa')
  }
  await page.route('**/api/auth/passkey', timesOutAtOnce)
  await passkeyButton(page).click()
  await expectAsBefore()
  // The address field may be asking by now.
  await page.unrouteAll({ behavior: 'wait' })

  await authenticator.setVerified(false)
  await authenticator.setPresent(true)
  await passkeyButton(page).click()
  await expectAsBefore()

  await authenticator.setPresent(false)
  await authenticator.setVerified(true)
  await passkeyButton(page).click()
  await expect(page.getByRole('main')).toContainText('Waiting for your passkey…')
  await page.reload()
  await expect(passkeyButton(page)).toHaveAttribute('aria-disabled', 'false')

  const tab = await context.newPage()
  await Authenticator.of(tab)
  await tab.goto('/')
  await expect(passkeyButton(tab)).toBeVisible()
  await page.bringToFront()
  await authenticator.setPresent(true)
  await passkeyButton(page).click()
  await expect(heading(page, 'Account')).toBeVisible()
  // The other tab follows.
  await expect(heading(tab, 'Your account')).toBeVisible()
})

test('a security key that cannot verify its user adds no passkey', async ({ page, sana }) => {
  const plain = { transport: 'usb', hasUserVerification: false, isUserVerified: false }
  await Authenticator.of(page, plain)
  await signIn(page, sana.url)
  await button(page, 'Add a passkey').click()
  await expect(page.getByText('No passkey was added. You can try again.')).toBeVisible()
})

test('a passkey that is synced since it was made signs in, one that is not any more does not, and another account can add one', async ({
  page,
  sana,
}) => {
  await withoutAutofill(page)
  const authenticator = await Authenticator.of(page)
  await signIn(page, sana.url)
  await add(page)
  await signOut(page)
  // Backup-eligible only now, as Apple does: allowed in this direction only.
  await authenticator.setBackup(true, true)
  await passkeyButton(page).click()
  await expect(page.getByRole('listitem')).toContainText('Synced')
  await signOut(page)
  await authenticator.setBackup(false, false)
  await passkeyButton(page).click()
  await expect(page.getByRole('alert')).toContainText('That passkey wasn’t accepted.')

  await authenticator.setBackup(true, true)
  await signInWithCode(page, sana, 'ann@example.org', 1)
  await expect(heading(page, 'Account')).toBeVisible()
  await add(page)
  await signOut(page)
  // Of two accounts on one authenticator Chromium takes one itself where no user chooses.
  await passkeyButton(page).click()
  await expect(heading(page, 'Account')).toBeVisible()
  await expect(page.getByRole('main')).toContainText(/mary@example\.org|ann@example\.org/)
})

test('codes for recovery only: a code leads to the wait, the mail stops it, and at the end codes sign in again', async ({
  page,
  browser,
  sana,
  database,
  address: baseURL,
}) => {
  const authenticator = await Authenticator.of(page)
  await signIn(page, sana.url)
  await add(page)
  const second = await authenticator.another({ transport: 'usb' })
  await authenticator.setPresent(false)
  await add(page)
  await button(page, 'Use codes for recovery only').click()
  await expect(button(page, 'Allow codes to sign in')).toBeFocused()
  expect(await second.passkeys()).toHaveLength(1)

  const lost = await (await browser.newContext({ baseURL })).newPage()
  await signInWithCode(lost, sana, address, 2)
  await expect(heading(lost, 'This account needs a passkey')).toBeFocused()
  await button(lost, 'Start the recovery').click()
  await expect(heading(lost, 'Recovery started')).toBeFocused()
  await expect(lost.getByText('in 24 hours')).toBeVisible()
  await lost.reload()
  await expect(heading(lost, 'Recovery started')).toBeVisible()

  // The mail's link alone stops nothing.
  const { text } = await readMail(sana.url, address, 'ecover')
  await page.goto(text.match(/http\S+\/recovery#stop=\S+/)?.[0] ?? '')
  await expect(heading(page, 'Stop the recovery')).toBeFocused()
  await lost.reload()
  await expect(heading(lost, 'Recovery started')).toBeVisible()
  await button(page, 'Stop the recovery').click()
  await expect(heading(page, 'Recovery stopped')).toBeFocused()
  await lost.reload()
  await expect(heading(lost, 'No recovery under way')).toBeVisible()

  // Begun anew, it is not stopped.
  await signInWithCode(lost, sana, address, 3)
  await button(lost, 'Start the recovery').click()
  await expect(heading(lost, 'Recovery started')).toBeFocused()
  await page.goto('/account')
  await expect(page.getByRole('alert')).toContainText('If you didn’t start it')
  await endRecovery(database.url)
  await lost.reload()
  await expect(lost.getByText('You can sign in with a code in a minute or two.')).toBeVisible()
  await lost.context().close()
})
