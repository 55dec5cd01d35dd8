// Every page, in light and in dark: no fault that axe can find, and (through the fixture) no complaint in the console.
import AxeBuilder from '@axe-core/playwright'
import { expect, type Page } from '@playwright/test'
import { otherCode, readCode } from './support/mail'
import type { Server } from './support/server'
import { test } from './support/test'
import { address, askForCode, button, codeField, heading, signIn } from './support/walk'

const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']

/** Every page, and how to get to it. */
const pages: Record<string, (page: Page, sana: Server) => Promise<void>> = {
  'the sign-in form': async (page) => {
    await page.goto('/')
    await expect(heading(page, 'Sign in')).toBeVisible()
  },
  'the sign-in form with a fault': async (page) => {
    await page.goto('/')
    await page.getByLabel('E-mail address').fill('ada')
    await page.keyboard.press('Enter')
    await expect(page.getByRole('alert')).toBeVisible()
  },
  'the code page': (page) => askForCode(page),
  'the code page after a wrong code': async (page, sana) => {
    await askForCode(page)
    const { code } = await readCode(sana.url, address)
    await codeField(page).fill(otherCode(code))
    await expect(page.getByRole('alert')).toBeVisible()
  },
  'the code page of a mail that came back': async (page) => {
    await page.route(/\/api\/auth\/code(\?|$)/, async (route) => {
      if (route.request().method() !== 'GET') return route.continue()
      const response = await route.fetch()
      const failed = { delivery: 'failed', delivery_reason: 'no_such_mailbox' }
      return route.fulfill({ response, json: { ...(await response.json()), ...failed } })
    })
    await askForCode(page)
    await expect(button(page, 'Change the address')).toBeVisible()
  },
  'the code page while the server is away': async (page, sana) => {
    await askForCode(page)
    await sana.kill()
    await codeField(page).fill('123456')
    await expect(page.getByRole('alert')).toContainText('cannot be reached')
  },
  'the link opened elsewhere': async (page) => {
    await page.goto('/verify#c=123456')
    await expect(heading(page, 'Your code for another browser')).toBeVisible()
  },
  'the page of whoever is signed in': (page, sana) => signIn(page, sana.url),
  'the account': async (page, sana) => {
    await signIn(page, sana.url)
    await page.goto('/account')
    await expect(page.getByLabel('Name')).toBeVisible()
  },
  'the sessions': async (page, sana) => {
    await signIn(page, sana.url)
    await page.goto('/sessions')
    await expect(page.getByText('This browser', { exact: true })).toBeVisible()
  },
  'the activity': async (page, sana) => {
    await signIn(page, sana.url)
    await page.goto('/activity')
    await expect(page.getByText('Account made')).toBeVisible()
  },
  'a page that does not exist': async (page) => {
    await page.goto('/no/such/page')
    await expect(heading(page, 'Page not found')).toBeVisible()
  },
  'the development inbox': async (page, sana) => {
    await signIn(page, sana.url)
    await page.goto('/dev/inbox')
    await expect(page.getByRole('button', { name: 'Copy' })).toBeVisible()
  },
  'the development inbox without mail': async (page) => {
    await page.goto('/dev/inbox')
    await expect(page.getByText('No mail yet.')).toBeVisible()
  },
  'the session page of development': async (page, sana) => {
    await signIn(page, sana.url)
    await page.goto('/auth/session-debug')
    await expect(heading(page, 'This session')).toBeVisible()
  },
}

for (const [name, open] of Object.entries(pages)) {
  test(`${name} has no fault that axe finds, in light and in dark`, async ({ page, sana }) => {
    await open(page, sana)
    for (const colorScheme of ['light', 'dark'] as const) {
      await page.emulateMedia({ colorScheme })
      // A mail in its frame runs no scripts, axe's neither, which would wait for it: letters.spec.ts looks at mails.
      const { violations } = await new AxeBuilder({ page }).exclude('iframe').withTags(tags).analyze()
      const faults = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
      expect(faults, colorScheme).toEqual([])
    }
  })
}

test('the development inbox shows a mail by itself, for a person to copy the code', async ({ page, context, sana }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await page.goto('/dev/inbox')
  await expect(page.getByText('No mail yet.')).toBeVisible()

  const other = await context.newPage()
  await askForCode(other)
  const { code } = await readCode(sana.url, address)
  await other.close()

  await expect(page.getByRole('heading', { name: `${code} is your Sana code` })).toBeVisible()
  await expect(page.getByText(`to ${address}`)).toBeVisible()
  await page.getByRole('button', { name: 'Copy' }).click()
  await expect(page.getByRole('button', { name: 'Copied' })).toBeVisible()
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(code)
})

test('the session page of development says what the server sees', async ({ page, sana }) => {
  await page.goto('/auth/session-debug')
  await expect(page.getByText('absent, or no session behind it')).toBeVisible()
  await signIn(page, sana.url, 'grace@example.org')
  await page.goto('/auth/session-debug')
  await expect(page.getByText('grace@example.org since')).toBeVisible()
  expect(await (await page.request.get('/auth/session-debug')).json()).toMatchObject({ has_session: true })
})
