// A database for every test, on the Postgres of TEST_DATABASE_URL: a copy of a migrated one, which
// is faster than a migration.

import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { expect, type Page } from '@playwright/test'
import pg from 'pg'
import { binary } from '../../scripts/lib/paths.mjs'

const server = process.env.TEST_DATABASE_URL ?? ''

export interface Database {
  url: string
  drop: () => Promise<void>
}

export async function createDatabase(): Promise<Database> {
  template ??= create().then(async ({ name, url }) => {
    await promisify(execFile)(binary, ['migrate'], { env: { DATABASE_URL: url } })
    return name
  })
  const { name, url } = await create(`TEMPLATE ${await template}`)
  return { url, drop: () => query(`DROP DATABASE ${name} WITH (FORCE)`) }
}

/** The migrated database of this worker; it is deleted with the server of the tests. */
let template: Promise<string> | undefined

async function create(options = ''): Promise<{ name: string; url: string }> {
  const name = `e2e_${randomBytes(6).toString('hex')}`
  await query(`CREATE DATABASE ${name} ${options}`)
  const url = new URL(server)
  url.pathname = name
  return { name, url: url.href }
}

async function query(sql: string, url = server): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}

/**
 * Makes every sign-in too old for calls that require a fresh one, and waits until the server of the
 * page has evicted its cached sessions.
 */
export async function ageSignIns(databaseUrl: string, page: Page): Promise<void> {
  const longAgo = `to_jsonb(now() - interval '11 minutes')`
  await query(
    `UPDATE sessions SET v = convert_to(
       jsonb_set(convert_from(v, 'UTF8')::jsonb, '{user,signed_in_at}', ${longAgo})::text, 'UTF8')`,
    databaseUrl,
  )
  const minutesSinceSignIn = async () => {
    const response = await page.request.get('/api/auth/session')
    return (Date.now() - Date.parse((await response.json()).session.signed_in_at)) / 60_000
  }
  await expect.poll(minutesSinceSignIn).toBeGreaterThan(10)
}

/** Ends the wait of all recoveries; a server completes them within a minute. */
export function endRecoveryWait(databaseUrl: string): Promise<void> {
  return query('UPDATE recoveries SET ends_at = now()', databaseUrl)
}
