// The life of an access key: its creation on the account page, its access, the record of its use,
// and its deletion.
import { expect } from '@playwright/test'
import { ageSignIns } from './support/database'
import { readCode, readMail } from './support/mail'
import type { Server } from './support/server'
import { test } from './support/test'
import { address, button, heading, signIn } from './support/walk'

const host = 'wiki.example.org'
test.use({
  apps: `
apps:
  wiki: {name: Wiki, hosts: [${host}], allow: [${address}], access_keys: true}
`,
})

/** Sends the authorization request of a reverse proxy for a program that sends the key. */
function authorize(sana: Server, key: string): Promise<Response> {
  return fetch(`${sana.gateUrl}/gate/forward/wiki`, {
    headers: {
      'X-Forwarded-Host': host,
      'X-Forwarded-Uri': '/api/pages',
      'X-Forwarded-Method': 'GET',
      'X-Forwarded-Proto': 'https',
      'X-Forwarded-For': '192.0.2.1',
      Authorization: `Bearer ${key}`,
    },
  })
}

test('an access key gives access to its app until it is deleted', async ({
  page,
  sana,
  database,
}) => {
  await signIn(page, sana.url)
  await ageSignIns(database.url, page)
  await page.goto('/account')
  await button(page, 'Create access key').click()
  await page.getByLabel('Name of the key').fill('Backup')
  await page.getByLabel('Expires after').selectOption('30 days')
  await button(page, 'Create access key').click()
  const { code } = await readCode(sana.url, address, 2)
  await page.getByRole('dialog').getByLabel('6-digit code').fill(code)

  await expect(page.getByRole('heading', { name: 'Your new access key' })).toBeFocused()
  const key = await page.locator('code').innerText()
  expect(key).toMatch(/^sana_key_[\w-]{43}$/)
  // A browser without a window cannot show the permission prompt.
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
  await button(page, 'Copy').click()
  await expect(page.getByText('Copied.')).toBeVisible()
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(key)
  await readMail(sana.url, address, 'New access key')
  const allowed = await authorize(sana, key)
  expect(allowed.status).toBe(200)
  expect(allowed.headers.get('Remote-User')).toBe(address)

  await page.reload()
  await expect(heading(page, 'Account')).toBeVisible()
  expect(await page.content()).not.toContain(key)
  await expect(async () => {
    await page.goto('/sessions')
    await expect(page.getByRole('listitem').filter({ hasText: 'Backup' })).toContainText(
      '192.0.2.1',
      { timeout: 1000 },
    )
  }).toPass({ timeout: 15_000 })

  await button(page, 'Delete the access key Backup').click()
  await expect(
    page.getByRole('status').filter({ hasText: 'Deleted the access key Backup.' }),
  ).toBeVisible()
  await expect.poll(async () => (await authorize(sana, key)).status, { timeout: 2000 }).toBe(401)

  await page.getByRole('link', { name: 'Activity' }).click()
  await expect(page.getByText('Access key for Wiki deleted: Backup')).toBeVisible()
  await expect(page.getByText('Access key for Wiki created: Backup')).toBeVisible()
})
