// The development pages have no axe faults in light and in dark. e2e/states checks the other pages
// in every state.
import { expect, type Page } from '@playwright/test'
import { axeFaults } from './support/axe'
import { readCode } from './support/mail'
import type { Server } from './support/server'
import { test } from './support/test'
import { address, heading, requestCode, signIn } from './support/walk'

/** How to open each page. */
const pages: Record<string, (page: Page, sana: Server) => Promise<void>> = {
  'the development inbox': async (page, sana) => {
    await signIn(page, sana.url)
    await page.goto('/dev/inbox')
    await expect(page.getByRole('button', { name: 'Copy' })).toBeVisible()
  },
  'the development inbox without mail': async (page) => {
    await page.goto('/dev/inbox')
    await expect(page.getByText('No mail yet.')).toBeVisible()
  },
  'the index of development': async (page) => {
    await page.goto('/dev')
    await expect(heading(page, 'Development')).toBeVisible()
  },
  'the mails in all languages': async (page) => {
    await page.goto('/dev/mails?kind=new-device')
    await expect(page.locator('section:visible')).toHaveCount(5)
  },
  'the session page of development': async (page, sana) => {
    await signIn(page, sana.url)
    await page.goto('/auth/session-debug')
    await expect(heading(page, 'This session')).toBeVisible()
  },
}

for (const [name, open] of Object.entries(pages)) {
  test(`${name} has no axe faults in light and in dark`, async ({ page, sana }) => {
    await open(page, sana)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      expect(await axeFaults(page), colorScheme).toEqual([])
    }
  })
}

test('the development inbox shows a new mail by itself, with a code to copy', async ({
  page,
  context,
  sana,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.goto(`/dev/inbox?filter=${address.split('@')[0]}`)
  await expect(page.getByText('No mail yet.')).toBeVisible()

  const other = await context.newPage()
  await requestCode(other)
  const { code } = await readCode(sana.url, address)
  await other.close()

  await expect(page.getByRole('heading', { name: `${code} is your Sana code` })).toBeVisible()
  await expect(page.getByText(`to ${address}`)).toBeVisible()
  await page.getByRole('button', { name: 'Copy' }).click()
  await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible()
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(code)
})

test('an open mail in the development inbox stays open when another one arrives', async ({
  page,
  sana,
}) => {
  await signIn(page, sana.url)
  await page.goto('/dev/inbox')
  const headers = page.getByText('Headers')
  await headers.click()
  await expect(page.getByText(`Subject:`)).toBeVisible()

  const other = await page.context().newPage()
  await other.goto('/dev')
  await other.getByLabel('Address').fill('grace@example.org')
  await other.getByRole('button', { name: 'Sign in' }).click()
  await expect(other.getByText('You are signed in as grace@example.org.')).toBeVisible()
  await other.close()

  await expect(page.getByRole('article')).not.toHaveCount(1)
  await expect(page.getByText(`To: ${address}`)).toBeVisible()
  await page.getByLabel('Filter').fill('grace')
  await expect(page.getByRole('article').filter({ visible: true }).first()).toContainText(
    'grace@example.org',
  )
  await expect(page.getByText(`to ${address}`)).toBeHidden()
  await page.reload()
  await expect(page.getByText(`to ${address}`), 'the filter is in the address').toBeHidden()
  await page.getByRole('button', { name: 'Clear the inbox' }).click()
  await expect(page.getByText('No mail yet.')).toBeVisible()
})

test('the development session page shows the state of the session on the server', async ({
  page,
  sana,
}) => {
  await page.goto('/auth/session-debug')
  await expect(page.getByText('absent, or no session behind it')).toBeVisible()
  await signIn(page, sana.url, 'grace@example.org')
  await page.goto('/auth/session-debug')
  await expect(page.getByText('grace@example.org since')).toBeVisible()
  expect(await (await page.request.get('/auth/session-debug')).json()).toMatchObject({
    has_session: true,
  })
})
