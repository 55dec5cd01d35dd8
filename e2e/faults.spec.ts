import { expect, type Page } from '@playwright/test'
import { test } from './support/test'
import { address, askForCode, button, codeField, expectSignedIn } from './support/walk'

const said = (page: Page, email = address) => page.getByRole('status').filter({ hasText: email })

// The buttons of the development inbox show front-end developers every state of the code page.

async function nextMail(page: Page, what: string): Promise<void> {
  const inbox = await page.context().newPage()
  await inbox.goto('/dev/inbox')
  if (what === 'is late') await inbox.getByRole('spinbutton').fill('4')
  await button(inbox, what).click()
  await expect(button(inbox, what)).toHaveAttribute('aria-pressed', 'true')
  await inbox.close()
}

test('the code page reports a bounced mail, and the next one arrives', async ({ page }) => {
  await nextMail(page, 'is taken, then bounces')
  await askForCode(page)
  await expect(said(page)).toContainText('doesn’t exist')
  await button(page, 'Change email address').click()
  await expect(page.getByLabel('Email address')).toHaveValue(address)

  await askForCode(page, 'marie@example.org')
  await expect(said(page, 'marie@example.org')).toContainText('Delivered.')
})

test('the code page reports a late mail until it arrives, and its code works', async ({
  page,
  sana,
}) => {
  await nextMail(page, 'is late')
  await askForCode(page)
  await expect(said(page)).toContainText('We’ll keep trying until')
  await expect(said(page)).toContainText('Delivered.', { timeout: 40_000 })
  const mails: { subject: string }[] = await (await fetch(`${sana.url}/dev/inbox.json`)).json()
  await codeField(page).fill(mails[0]?.subject.slice(0, 6) ?? '')
  await expectSignedIn(page)
})

test('the code page reports a mail that the provider refuses', async ({ page }) => {
  await nextMail(page, 'is refused')
  await askForCode(page)
  await expect(said(page)).toContainText('was rejected')
})
