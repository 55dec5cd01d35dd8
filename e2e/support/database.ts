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

async function query(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: server })
  await client.connect()
  try {
    await client.query(sql)
  } finally {
    await client.end()
  }
}
