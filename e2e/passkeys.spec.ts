// Passkeys in a real browser, with authenticators of its devtools: the ceremonies are Chromium's
// own.
import { expect, type Page, type Route } from '@playwright/test'
import { Authenticator, withoutAutofill } from './support/authenticator'
import { ageSignIns, endRecoveryWait } from './support/database'
import { readCode, readMail } from './support/mail'
import type { Server } from './support/server'
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

// An IP address has no passkeys.
test.use({ host: 'localhost' })

const passkeyButton = (page: Page) => button(page, 'Sign in with a passkey')
const dialog = (page: Page) => page.getByRole('dialog')

/** Adds a passkey on the account page. */
async function addPasskey(page: Page): Promise<void> {
  await page.goto('/account')
  const before = await button(page, 'Add a passkey').isVisible()
  const rows = page.getByRole('button', { name: /^Remove: / })
  const count = before ? await rows.count() : 0
  await button(page, 'Add a passkey').click()
  await expect(rows).toHaveCount(count + 1)
}

/** Responds with the options of a ceremony that times out before the user can react. */
async function timeOutAtOnce(route: Route): Promise<void> {
  if (route.request().method() !== 'GET') return route.fallback()
  const response = await route.fetch()
  await route.fulfill({ response, json: { ...(await response.json()), timeout: 100 } })
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
  await requestCode(page, email)
  const { code } = await readCode(sana.url, email, mails)
  await codeField(page).fill(code)
}

test('a passkey is added, signs in, steps up, is renamed and is removed', async ({
  page,
  sana,
  database,
}) => {
  await withoutAutofill(page)
  const authenticator = await Authenticator.attach(page)
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

  await ageSignIns(database.url, page)
  await page.goto('/account')
  await page.getByRole('button', { name: /^Rename: / }).click()
  await page.getByLabel('Name').last().fill('Laptop')
  await button(page, 'Save').last().click()
  const stepUp = dialog(page).getByRole('button', { name: 'Sign in with a passkey' })
  await authenticator.setVerified(false)
  await stepUp.click()
  await expect(dialog(page)).toContainText('No passkey was used. Try again, or use a code.')
  await authenticator.setVerified(true)
  await stepUp.click()
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
  // The page has notified the browser of the removed passkey.
  await expect.poll(async () => (await authenticator.passkeys()).length).toBe(0)
})

test('the address field offers a passkey, which leads to the requested page', async ({
  page,
  sana,
}) => {
  const authenticator = await Authenticator.attach(page)
  await signIn(page, sana.url)
  await addPasskey(page)
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

test('an unsuccessful ceremony can be repeated, and two tabs do not disturb each other', async ({
  page,
  context,
  sana,
}) => {
  const authenticator = await Authenticator.attach(page)
  await signIn(page, sana.url)
  await authenticator.setVerified(false)
  await button(page, 'Add a passkey').click()
  await expect(page.getByText('No passkey was added. You can try again.')).toBeVisible()
  await authenticator.setVerified(true)
  await addPasskey(page)
  // From here on the address field offers the passkey, and the user does not touch it.
  await authenticator.setPresent(false)
  await signOut(page)

  // A passkey of another site is not even offered.
  await authenticator.addOfAnotherSite()
  await page.getByLabel('Email address').fill('mary@exa')
  const expectUnchangedPage = async () => {
    await expect(page.getByText('No passkey was used. Try again, or use a code.')).toBeVisible()
    await expect(passkeyButton(page)).toHaveAttribute('aria-disabled', 'false')
    await expect(page.getByRole('alert')).toHaveCount(0)
    await expect(passkeyButton(page)).toBeFocused()
    await expect(page.getByLabel('Email address')).toHaveValue('mary@exa')
  }
  await page.route('**/api/auth/passkey', timeOutAtOnce)
  await passkeyButton(page).click()
  await expectUnchangedPage()
  // The address field may have started its request by now.
  await page.unrouteAll({ behavior: 'wait' })

  await authenticator.setVerified(false)
  await authenticator.setPresent(true)
  await passkeyButton(page).click()
  await expectUnchangedPage()

  await authenticator.setPresent(false)
  await authenticator.setVerified(true)
  await passkeyButton(page).click()
  await expect(page.getByRole('main')).toContainText('Waiting for your passkey…')
  await page.reload()
  await expect(passkeyButton(page)).toHaveAttribute('aria-disabled', 'false')

  const tab = await context.newPage()
  await Authenticator.attach(tab)
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
  await Authenticator.attach(page, plain)
  await signIn(page, sana.url)
  await button(page, 'Add a passkey').click()
  await expect(page.getByText('No passkey was added. You can try again.')).toBeVisible()
})

test('a passkey may become synced, but not unsynced', async ({ page, sana }) => {
  await withoutAutofill(page)
  const authenticator = await Authenticator.attach(page)
  await signIn(page, sana.url)
  await addPasskey(page)
  await signOut(page)
  // Apple sets the backup flag later: only this direction is allowed.
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
  await addPasskey(page)
  await signOut(page)
  // With two accounts on one authenticator Chromium selects one itself.
  await passkeyButton(page).click()
  await expect(heading(page, 'Account')).toBeVisible()
  await expect(page.getByRole('main')).toContainText(/mary@example\.org|ann@example\.org/)
})

test('with codes for recovery only, a code starts a wait that the mail can stop', async ({
  page,
  browser,
  sana,
  database,
  address: baseURL,
}) => {
  const authenticator = await Authenticator.attach(page)
  await signIn(page, sana.url)
  await addPasskey(page)
  const second = await authenticator.addAnother({ transport: 'usb' })
  await authenticator.setPresent(false)
  await addPasskey(page)
  await button(page, 'Use codes for recovery only').click()
  await expect(button(page, 'Allow codes to sign in')).toBeFocused()
  expect(await second.passkeys()).toHaveLength(1)

  const recovering = await (await browser.newContext({ baseURL })).newPage()
  await signInWithCode(recovering, sana, address, 2)
  await expect(heading(recovering, 'This account needs a passkey')).toBeFocused()
  await button(recovering, 'Start the recovery').click()
  await expect(heading(recovering, 'Recovery started')).toBeFocused()
  await expect(recovering.getByText('in 24 hours')).toBeVisible()
  await recovering.reload()
  await expect(heading(recovering, 'Recovery started')).toBeVisible()

  // Opening the link in the mail stops nothing.
  const { text } = await readMail(sana.url, address, 'ecover')
  await page.goto(text.match(/http\S+\/recovery#stop=\S+/)?.[0] ?? '')
  await expect(heading(page, 'Stop the recovery')).toBeFocused()
  await recovering.reload()
  await expect(heading(recovering, 'Recovery started')).toBeVisible()
  await button(page, 'Stop the recovery').click()
  await expect(heading(page, 'Recovery stopped')).toBeFocused()
  await recovering.reload()
  await expect(heading(recovering, 'No recovery under way')).toBeVisible()

  // A second recovery is not stopped.
  await signInWithCode(recovering, sana, address, 3)
  await button(recovering, 'Start the recovery').click()
  await expect(heading(recovering, 'Recovery started')).toBeFocused()
  await page.goto('/account')
  await expect(page.getByRole('alert')).toContainText('If you didn’t start it')
  await endRecoveryWait(database.url)
  await recovering.reload()
  await expect(
    recovering.getByText('You can sign in with a code in a minute or two.'),
  ).toBeVisible()
  await recovering.context().close()
})
