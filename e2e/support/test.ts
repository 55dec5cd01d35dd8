// The test function of this folder: a database, a server and a page for every test. After every
// test it checks that the console has no error, that the focus was never lost, and that the browser
// stores only the cookie.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test as base, expect, type Page } from '@playwright/test'
import { createDatabase, type Database } from './database'
import { Server } from './server'

interface Fixtures {
  /** An empty folder of this test. */
  folder: string
  database: Database
  /** The host name in the browser's address of Sana. */
  host: string
  /** The text of the apps file, for tests that need apps. */
  apps: string | undefined
  sana: Server
  /** The browser's address of Sana. */
  address: string
}

export const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of the fixtures
  folder: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'sana-e2e-'))
    await use(folder)
    rmSync(folder, { recursive: true, force: true })
  },

  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of the fixtures
  database: async ({}, use) => {
    const database = await createDatabase()
    await use(database)
    await database.drop()
  },

  host: ['127.0.0.1', { option: true }],

  apps: [undefined, { option: true }],

  sana: async ({ database, folder, host, apps }, use, info) => {
    const server = await Server.start({ databaseUrl: database.url, folder, host, apps })
    await use(server)
    await server.kill()
    if (info.status !== info.expectedStatus)
      await info.attach('log of the server', { body: server.log })
  },

  address: ({ sana }, use) => use(sana.publicUrl),

  baseURL: ({ address }, use) => use(address),

  page: async ({ page }, use) => {
    const consoleErrors = collectConsoleErrors(page)
    // Only in the page: frames without scripts, such as those of mails, would report an error.
    page.on('domcontentloaded', () => page.evaluate(reportLostFocus).catch(() => {}))
    await use(page)
    const isLost = () => page.evaluate('globalThis.isFocusLost?.() ?? false').catch(() => false)
    await expect.poll(isLost, 'the focus is lost').toBe(false)
    expect(consoleErrors, 'errors and warnings in the console').toEqual([])
    if (page.url().startsWith('http')) expect(await storedInBrowser(page)).toEqual([])
  },
})

/** Records uncaught errors of scripts, and errors and warnings in the console. */
function collectConsoleErrors(page: Page): string[] {
  const consoleErrors: string[] = []
  page.on('pageerror', (error) => consoleErrors.push(String(error)))
  page.on('console', (message) => {
    // The browser logs every status of 400 and above, and every lost connection; tests cause both
    // on purpose.
    if (message.text().startsWith('Failed to load resource')) return
    if (['error', 'warning'].includes(message.type())) consoleErrors.push(message.text())
  })
  return consoleErrors
}

/**
 * Runs in the page. It logs an error if the focused element was removed and no other has the focus
 * for three seconds: users of a keyboard or a screen reader would be at the top of the document.
 */
function reportLostFocus() {
  if (document.scripts.length === 0) return // the policy of such a page may forbid all scripts
  let last: Element | undefined
  let ticks = 0
  document.addEventListener('focusin', ({ target }) => {
    last = target as Element
  })
  const isFocusLost = () =>
    document.activeElement === document.body && last !== undefined && !last.isConnected
  Object.assign(window, { isFocusLost })
  setInterval(() => {
    ticks = isFocusLost() && document.visibilityState === 'visible' ? ticks + 1 : 0
    if (ticks === 30) console.error(`The focus is lost, it was on ${last?.outerHTML}`)
  }, 100)
}

/**
 * The data that the page has stored for scripts to read, except the address that signed in last and
 * the chosen language.
 */
function storedInBrowser(page: Page): Promise<string[]> {
  return page.evaluate(async () => [
    ...Object.keys(localStorage).filter((name) => !['email', 'language'].includes(name)),
    ...Object.keys(sessionStorage),
    ...(await indexedDB.databases()).map(({ name }) => name ?? ''),
    ...(await caches.keys()),
    ...document.cookie.split('; ').filter(Boolean),
  ])
}
