// The test function of this folder: a database, a server and a page for every test, and some promises that each test
// keeps besides its own: no error in the console, and nothing kept in the browser but the cookie.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test as base, expect, type Page } from '@playwright/test'
import { createDatabase, type Database } from './database'
import { Server } from './server'

interface Fixtures {
  /** An empty folder of this test's own. */
  folder: string
  database: Database
  /** The name by which the browser finds Sana. */
  host: string
  /** The text of the apps file, for tests that need apps. */
  apps: string | undefined
  sana: Server
  /** Where the browser finds Sana. */
  address: string
}

export const test = base.extend<Fixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: the pattern is where Playwright reads what a fixture needs.
  folder: async ({}, use) => {
    const folder = mkdtempSync(join(tmpdir(), 'sana-e2e-'))
    await use(folder)
    rmSync(folder, { recursive: true, force: true })
  },

  // biome-ignore lint/correctness/noEmptyPattern: the pattern is where Playwright reads what a fixture needs.
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
    if (info.status !== info.expectedStatus) await info.attach('log of the server', { body: server.log })
  },

  address: ({ sana }, use) => use(sana.publicUrl),

  baseURL: ({ address }, use) => use(address),

  page: async ({ page }, use) => {
    const complaints = watchForComplaints(page)
    await use(page)
    expect(complaints, 'errors and warnings in the console').toEqual([])
    if (page.url().startsWith('http')) expect(await keptInBrowser(page)).toEqual([])
  },
})

/** What the browser complains about: errors of scripts, and whatever the page's policies do not allow. */
function watchForComplaints(page: Page): string[] {
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(String(error)))
  page.on('console', (message) => {
    // The browser itself notes every answer of 400 and above, and every lost connection; both are part of the tests.
    if (message.text().startsWith('Failed to load resource')) return
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text())
  })
  return complaints
}

/** What the page has stored where scripts could read it, besides the address that signed in last. */
export function keptInBrowser(page: Page): Promise<string[]> {
  return page.evaluate(async () => [
    ...Object.keys(localStorage).filter((name) => name !== 'email'),
    ...Object.keys(sessionStorage),
    ...(await indexedDB.databases()).map(({ name }) => name ?? ''),
    ...(await caches.keys()),
    ...document.cookie.split('; ').filter(Boolean),
  ])
}
