// bin/sana, as `npm start` and `npm run dev` run it.
import { interrupted, untilInterrupted, waitFor } from './interrupt.mjs'
import { recordChild } from './ledger.mjs'
import { binary } from './paths.mjs'
import { faultOfListening, freePort } from './ports.mjs'
import { Problem } from './problem.mjs'
import { start } from './processes.mjs'
import { startTestPostgres } from './test-postgres.mjs'

/**
 * Starts the server and returns when it is ready for requests.
 * @param {{ port: number, publicUrl: string, databaseUrl: string }} options
 * @returns {Promise<import('./processes.mjs').Child>}
 */
export async function startServer({ port, publicUrl, databaseUrl }) {
  const own = {
    APP_ENV: 'development',
    PORT: String(port),
    PUBLIC_URL: publicUrl,
    DATABASE_URL: databaseUrl,
  }
  const server = await start(binary, ['serve'], { env: { ...process.env, ...own } })
  recordChild(server)
  const isReady = async () =>
    !server.isRunning() || (await answersOk(`http://127.0.0.1:${port}/readyz`))
  const settled = await waitFor(isReady, { timeout: 60_000, signal: interrupted })
  if (settled && server.isRunning()) return server
  const how = server.isRunning()
    ? 'was not ready within a minute'
    : `did not start (${await server.exited})`
  await server.stop()
  interrupted.throwIfAborted()
  throw new Problem(`The server ${how}; its output is above.`)
}

/**
 * Starts the server with a Postgres of its own, calls `use` with its address, and stops both.
 * @template T
 * @param {(url: string) => Promise<T>} use
 * @returns {Promise<T>}
 */
export async function withTestServer(use) {
  const postgres = await startTestPostgres()
  try {
    const port = await freePort()
    const publicUrl = `http://localhost:${port}`
    const server = await startServer({ port, publicUrl, databaseUrl: postgres.url })
    try {
      return await use(publicUrl)
    } finally {
      await server.stop()
    }
  } finally {
    await postgres.stop()
  }
}

/** @param {string} url where people go */
export function announce(url) {
  console.log(`
  Sana is running:  ${url}
  Mail goes to:     ${url}/dev/inbox
  For developers:   ${url}/dev
  Stop with Ctrl-C.
`)
}

/**
 * Waits for an interrupt, or until the process or the database has stopped.
 * @param {string} name of the process
 * @param {import('./processes.mjs').Child} child
 * @param {import('./database.mjs').Database} database
 * @returns {Promise<number>} the exit code
 */
export async function waitForExit(name, child, database) {
  const interrupt = untilInterrupted().then(() => '')
  const exited = child.exited.then((exit) => `${name} exited (${exit}); its output is above.`)
  const lost = database.lost.then((reason) => `Lost Postgres: ${reason}.`)
  const reason = await Promise.race([interrupt, exited, lost])
  console.log(reason ? `\n${reason}` : '\nStopping …')
  return reason ? 1 : 0
}

/** @param {string} url */
export async function answersOk(url) {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(5000) })).ok
  } catch {
    return false
  }
}

/**
 * Returns PORT, or 3000, after checking that a server can listen on it.
 * @param {string} command the command of the user, for the error
 * @returns {Promise<number>}
 */
export async function choosePort(command) {
  const port = Number(process.env.PORT || 3000)
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new Problem(`PORT is "${process.env.PORT}", but a port is a number from 1 to 65535.`)
  }
  const fault = await faultOfListening(port)
  const advice = `choose another one, such as PORT=${port < 1024 ? 3000 : port + 1} ${command}`
  if (fault === 'EADDRINUSE')
    throw new Problem(`Port ${port} is in use: stop the process that listens on it, or ${advice}.`)
  if (fault === 'EACCES') throw new Problem(`This user may not listen on port ${port}: ${advice}.`)
  return port
}
