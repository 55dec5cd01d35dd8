// The database of `npm start` and `npm run dev`: one Postgres per folder, shared by all scripts
// that run there.
//
// Each script keeps a connection open while it uses Postgres. At its end it stops Postgres if no
// other connection is left, even if another script has started it. The connection of a script
// that was killed ends with it, so nothing has to be counted or cleaned up. A server that outlives
// its script has its own connections, so Postgres keeps running for it. Starting and stopping
// happen under one lock.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { forced, interrupted, waitFor } from './interrupt.mjs'
import { withLock } from './lock.mjs'
import { dataDir, postgresLog } from './paths.mjs'
import { freePort } from './ports.mjs'
import { openCluster, runningPostgres, startPostgres } from './postgres.mjs'
import { Problem } from './problem.mjs'
import { startTimeOf } from './processes.mjs'

const lockFile = join(dataDir, 'postgres.lock')
const database = 'sana'

/** The application_name of the connections of these scripts. */
const holder = 'sana: a script that keeps Postgres running'

/**
 * @typedef {object} Database
 * @property {string} url
 * @property {Promise<string>} lost resolves when Postgres has stopped unexpectedly
 * @property {() => Promise<void>} release
 */

/**
 * Opens the database of DATABASE_URL, or Sana's own, which is started if it is not running.
 * @returns {Promise<Database>}
 */
export function openDatabase() {
  const url = process.env.DATABASE_URL
  if (url)
    return Promise.resolve({ url, lost: new Promise(() => {}), release: () => Promise.resolve() })
  return withLock(lockFile, async () => {
    const cluster = await openCluster(join(dataDir, 'postgres'))
    const { client, port } = await connectOrStart(cluster)
    const lost = new Promise((resolve) => {
      client
        .once('error', () => resolve('the connection was lost'))
        .once('end', () => resolve('it was stopped'))
    })
    const { rows } = await client.query('SELECT FROM pg_database WHERE datname = $1', [database])
    if (rows.length === 0) await client.query(`CREATE DATABASE ${database}`)
    return {
      url: addressOf(cluster, port, database),
      lost,
      release: () => release(cluster, client),
    }
  })
}

/**
 * @param {import('./postgres.mjs').Cluster} cluster
 * @param {number} port
 * @param {string} name
 */
export function addressOf(cluster, port, name) {
  return `postgres://postgres:${cluster.password}@127.0.0.1:${port}/${name}?sslmode=disable`
}

/**
 * Connects to the Postgres that runs on the cluster, and starts one while there is none. It also
 * handles one of a killed script, one that is stopping or recovering, and the last backends of a
 * killed one, which prevent a start until they exit.
 * @param {import('./postgres.mjs').Cluster} cluster
 */
async function connectOrStart(cluster) {
  /** @type {import('./processes.mjs').Child | undefined} */
  let child
  let port = 0
  const client = await waitFor(
    async () => {
      const running = runningPostgres(cluster)
      if (running) port = running.port
      else if (!child?.isRunning()) {
        if (child) assertRetryable()
        port = await freePort()
        child = await startPostgres(cluster, { port, log: postgresLog })
      }
      return connect(addressOf(cluster, port, 'postgres'))
    },
    { timeout: 60_000, interval: 100, signal: interrupted },
  )
  if (client) return { client, port }
  await child?.stop()
  interrupted.throwIfAborted()
  throw new Problem(
    `${endOfLog()}\n\nPostgres was not ready within a minute; the end of ${postgresLog} is above.`,
  )
}

function assertRetryable() {
  const transient =
    /pre-existing shared memory block|lock file ".*" already exists|Address already in use/
  if (transient.test(endOfLog())) return
  throw new Problem(`${endOfLog()}\n\nPostgres does not start; the end of ${postgresLog} is above.`)
}

function endOfLog() {
  return readFileSync(postgresLog, 'utf8').trimEnd().split('\n').slice(-15).join('\n')
}

/**
 * @param {string} url
 * @returns {Promise<import('pg').Client | undefined>} undefined while Postgres is not ready
 */
export async function connect(url) {
  const { default: pg } = await import('pg')
  const client = new pg.Client({
    connectionString: url,
    connectionTimeoutMillis: 5000,
    application_name: holder,
  })
  // Without a listener the end of an idle connection would end this process.
  client.on('error', () => {})
  try {
    await client.connect()
    return client
  } catch (error) {
    if (error.code === '28P01')
      throw new Problem(`Postgres rejected the password: ${error.message}.`)
    return undefined
  }
}

/**
 * @param {import('./postgres.mjs').Cluster} cluster
 * @param {import('pg').Client} client
 */
async function release(cluster, client) {
  // Before the lock: if several scripts end together, the first one with the lock finds no
  // connection.
  await client.end().catch(() => {})
  await withLock(
    lockFile,
    async () => {
      const running = runningPostgres(cluster)
      if (running && (await isUnused(addressOf(cluster, running.port, 'postgres'))))
        await stopPostgres(running.pid)
    },
    forced,
  )
}

/** @param {string} url */
async function isUnused(url) {
  const client = await connect(url)
  if (!client) return false
  const others = `SELECT application_name AS name FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`
  /**
   * @returns {Promise<'unused' | 'used' | undefined>} undefined if other connections
   *   exist, which may be closing
   */
  const look = async () => {
    const { rows } = await client.query(others)
    if (rows.length === 0) return 'unused'
    return rows.some(({ name }) => name === holder) ? 'used' : undefined
  }
  const state = await waitFor(look, { timeout: 1500, signal: forced })
  await client.end()
  return state === 'unused'
}

/**
 * Stops a Postgres that may not be a child of this process. SIGINT is its "fast" shutdown, SIGQUIT
 * its "immediate".
 * @param {number} pid
 */
async function stopPostgres(pid) {
  const since = startTimeOf(pid)
  const hasEnded = () => startTimeOf(pid) !== since
  process.kill(pid, 'SIGINT')
  if (await waitFor(hasEnded, { timeout: 20_000, signal: forced })) return
  process.kill(pid, 'SIGQUIT')
  await waitFor(hasEnded, { timeout: 5000 })
}
