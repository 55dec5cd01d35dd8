// Missing files, as during a deployment, when a page of one release is served together with the
// files of another.
import { expect, type Page } from '@playwright/test'
import { readCode } from './support/mail'
import { RoundRobinProxy } from './support/proxy'
import { buildAnotherRelease } from './support/release'
import { Server } from './support/server'
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

const missing = 'A part of this page couldn’t be loaded.'

/**
 * Responds with 404 to requests for `files` on the first `pages` page loads.
 * @returns the number of page loads
 */
async function failRequests(page: Page, files: RegExp, pages: number) {
  const loads = { count: 0 }
  page.on('request', (request) => {
    if (request.isNavigationRequest()) loads.count++
  })
  await page.route(files, (route) =>
    loads.count > pages
      ? route.fallback()
      : route.fulfill({ status: 404, contentType: 'application/problem+json', body: '{}' }),
  )
  return loads
}

const index = /\/assets\/index-[^/]+\.js$/
const lazyScript = /\/assets\/pages-[^/]+\.js$/

test('a missing script causes one reload, and the page works', async ({ page }) => {
  const loads = await failRequests(page, index, 1)
  await page.goto('/')
  await expect(heading(page, 'Sign in')).toBeVisible()
  expect(loads.count).toBe(2)
})

test('a script that stays missing is reported after one reload', async ({ page }) => {
  const loads = await failRequests(page, index, 2)
  await page.goto('/')
  await expect(page.getByRole('alert')).toContainText(missing)
  expect(loads.count).toBe(2)
  await page.getByRole('link', { name: 'try again' }).click()
  await expect(heading(page, 'Sign in')).toBeVisible()
})

test('a page whose script is missing works after one reload, and so does the code', async ({
  page,
  sana,
}) => {
  const loads = await failRequests(page, lazyScript, 1)
  await requestCode(page)
  expect(loads.count).toBe(2)
  const { code } = await readCode(sana.url, address)
  await codeField(page).fill(code)
  await expectSignedIn(page)
})

test('a page whose script stays missing is reported as out of date', async ({ page }) => {
  const loads = await failRequests(page, lazyScript, 1000)
  await page.goto('/verify')
  await expect(page.getByRole('alert')).toContainText('This page is out of date')
  await expect(button(page, 'Try again')).toBeVisible()
  expect(loads.count).toBe(2)
})

test.describe('two releases side by side', () => {
  test.setTimeout(300_000)

  test('no page stays blank, and pages of each work with the API of the other', async ({
    browser,
    database,
    folder,
  }) => {
    const proxy = await new RoundRobinProxy().listen()
    const options = { databaseUrl: database.url, folder, publicUrl: proxy.url, hops: 1 }
    const release = await buildAnotherRelease()
    const sana = await Server.start(options)
    const another = await Server.start({ ...options, program: release.program })
    proxy.add(sana.url)
    proxy.add(another.url)

    const outcomes: string[] = []
    for (let visit = 0; visit < 12; visit++) {
      const page = await browser.newPage()
      await page.goto(proxy.url)
      const form = heading(page, 'Sign in')
      await expect(form.or(page.getByRole('alert').filter({ hasText: missing }))).toBeVisible()
      outcomes.push((await form.isVisible()) ? 'form' : 'message')
      await page.close()
    }
    expect(outcomes.filter((outcome) => outcome === 'form').length).toBeGreaterThan(
      outcomes.length / 2,
    )
    const scripts = proxy.requests
      .filter(({ call }) => call.includes('/assets/index-'))
      .map(({ call }) => call)
    expect(new Set(scripts).size, 'pages of both releases were served').toBe(2)

    for (const [pages, api] of [
      [0, 1],
      [1, 0],
    ] as const) {
      proxy.instanceFor = (path) => (path.startsWith('/api/') ? api : pages)
      const page = await browser.newPage({ baseURL: proxy.url })
      await visitAllPages(page, [sana, another][api]?.url ?? '', `release${pages}@example.org`)
      await page.close()
    }

    await another.kill()
    await sana.kill()
    await proxy.close()
    release.remove()
  })
})

/** Signs in, opens every page, changes something, and signs out. */
async function visitAllPages(page: Page, api: string, email: string): Promise<void> {
  const link = (name: string) => page.getByRole('navigation').getByRole('link', { name })
  await signIn(page, api, email)
  await link('Account').click()
  await page.getByLabel('Name').fill('Mary')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('status').filter({ hasText: 'Saved.' })).toBeVisible()
  await link('Devices').click()
  await expect(page.getByText('This device', { exact: true })).toBeVisible()
  await link('Activity').click()
  await expect(page.getByRole('listitem').first()).toBeVisible()
  await link('Overview').click()
  await button(page, 'Sign out').click()
  await expect(heading(page, 'Sign in')).toBeVisible()
}
