import { expect, type Page } from '@playwright/test'
import { readCode } from './support/mail'
import { test } from './support/test'
import { address, button, codeField, expectSignedIn, requestCode } from './support/walk'

const status = (page: Page, email = address) => page.getByRole('status').filter({ hasText: email })

// The buttons of the development inbox simulate every outcome of the next mail.

async function simulateNextMail(page: Page, outcome: string): Promise<void> {
  const inbox = await page.context().newPage()
  await inbox.goto('/dev/inbox')
  if (outcome === 'is late') await inbox.getByRole('spinbutton').fill('4')
  await button(inbox, outcome).click()
  await expect(button(inbox, outcome)).toHaveAttribute('aria-pressed', 'true')
  await inbox.close()
}

test('the code page reports a bounced mail, and the next one arrives', async ({ page }) => {
  await simulateNextMail(page, 'is taken, then bounces')
  await requestCode(page)
  await expect(status(page)).toContainText('doesn’t exist')
  await button(page, 'Change email address').click()
  await expect(page.getByLabel('Email address')).toHaveValue(address)

  await requestCode(page, 'marie@example.org')
  await expect(status(page, 'marie@example.org')).toContainText('Delivered.')
})

test('the code page reports a late mail until it arrives, and its code works', async ({
  page,
  sana,
}) => {
  await simulateNextMail(page, 'is late')
  await requestCode(page)
  await expect(status(page)).toContainText('We’ll keep trying until')
  await expect(status(page)).toContainText('Delivered.', { timeout: 40_000 })
  await codeField(page).fill((await readCode(sana.url, address)).code)
  await expectSignedIn(page)
})

test('the code page reports a mail that the provider refuses', async ({ page }) => {
  await simulateNextMail(page, 'is refused')
  await requestCode(page)
  await expect(status(page)).toContainText('was rejected')
})
