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
  askForCode,
  button,
  codeField,
  expectSignedIn,
  heading,
  signIn,
} from './support/walk'

const missing = 'A part of this page couldn’t be loaded.'

/**
 * Answers requests for such files with 404 on the first `pages` pages.
 * @returns how many pages were
 * requested
 */
async function withhold(page: Page, files: RegExp, pages: number) {
  const seen = { pages: 0 }
  page.on('request', (request) => {
    if (request.isNavigationRequest()) seen.pages++
  })
  await page.route(files, (route) =>
    seen.pages > pages
      ? route.fallback()
      : route.fulfill({ status: 404, contentType: 'application/problem+json', body: '{}' }),
  )
  return seen
}

const index = /\/assets\/index-[^/]+\.js$/
const lazyScript = /\/assets\/pages-[^/]+\.js$/

test('a script that is missing leads to one reload, and the page is there', async ({ page }) => {
  const seen = await withhold(page, index, 1)
  await page.goto('/')
  await expect(heading(page, 'Sign in')).toBeVisible()
  expect(seen.pages).toBe(2)
})

test('a script that stays missing is said on the page, after one reload, with a way to try again', async ({
  page,
}) => {
  const seen = await withhold(page, index, 2)
  await page.goto('/')
  await expect(page.getByRole('alert')).toContainText(missing)
  expect(seen.pages).toBe(2)
  await page.getByRole('link', { name: 'try again' }).click()
  await expect(heading(page, 'Sign in')).toBeVisible()
})

test('a page whose file is missing comes after one reload, and the code still works', async ({
  page,
  sana,
}) => {
  const seen = await withhold(page, lazyScript, 1)
  await askForCode(page)
  expect(seen.pages).toBe(2)
  const { code } = await readCode(sana.url, address)
  await codeField(page).fill(code)
  await expectSignedIn(page)
})

test('a page whose file stays missing is said to be out of date, after one reload', async ({
  page,
}) => {
  const seen = await withhold(page, lazyScript, 1000)
  await page.goto('/verify')
  await expect(page.getByRole('alert')).toContainText('This page is out of date')
  await expect(button(page, 'Try again')).toBeVisible()
  expect(seen.pages).toBe(2)
})

test.describe('two releases side by side', () => {
  test.setTimeout(300_000)

  test('no visit ends on a blank page, and pages of each work with the API of the other', async ({
    browser,
    database,
    folder,
  }) => {
    const proxy = await RoundRobinProxy.start()
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
      outcomes.push((await form.isVisible()) ? 'form' : 'said')
      await page.close()
    }
    expect(outcomes.filter((outcome) => outcome === 'form').length).toBeGreaterThan(
      outcomes.length / 2,
    )
    const scripts = proxy.seen
      .filter(({ call }) => call.includes('/assets/index-'))
      .map(({ call }) => call)
    expect(new Set(scripts).size, 'pages of both releases were served').toBe(2)

    for (const [pages, api] of [
      [0, 1],
      [1, 0],
    ] as const) {
      proxy.instanceFor = (path) => (path.startsWith('/api/') ? api : pages)
      const page = await browser.newPage({ baseURL: proxy.url })
      await walkEverywhere(page, [sana, another][api]?.url ?? '', `release${pages}@example.org`)
      await page.close()
    }

    await another.kill()
    await sana.kill()
    await proxy.close()
    release.remove()
  })
})

/** Signs in, opens every page, changes something, and signs out. */
async function walkEverywhere(page: Page, api: string, email: string): Promise<void> {
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
