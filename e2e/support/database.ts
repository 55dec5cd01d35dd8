// A database of its own for every test, on the Postgres that TEST_DATABASE_URL names.
import { randomBytes } from 'node:crypto'
import pg from 'pg'

const server = process.env.TEST_DATABASE_URL ?? ''

export interface Database {
  url: string
  drop: () => Promise<void>
}

export async function createDatabase(): Promise<Database> {
  const name = `e2e_${randomBytes(6).toString('hex')}`
  await query(`CREATE DATABASE ${name}`)
  const url = new URL(server)
  url.pathname = name
  return { url: url.href, drop: () => query(`DROP DATABASE ${name} WITH (FORCE)`) }
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

/** Makes every sign-in too old for what wants a fresh one, and lets another mail go to everybody. */
export async function letTimePass(databaseUrl: string): Promise<void> {
  const longAgo = `to_jsonb(now() - interval '11 minutes')`
  await query(
    `UPDATE sessions SET v = convert_to(jsonb_set(convert_from(v, 'UTF8')::jsonb, '{user,signed_in_at}', ${longAgo})::text, 'UTF8')
     WHERE user_id IS NOT NULL`,
    databaseUrl,
  )
  await letMailsPass(databaseUrl)
}

/** An address gets one mail a minute. */
export async function letMailsPass(databaseUrl: string): Promise<void> {
  await query('DELETE FROM throttle', databaseUrl)
}
