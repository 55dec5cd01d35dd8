// bin/sana, as `npm start` and `npm run dev` run it.
import { interrupted, untilInterrupted, waitFor } from './interrupt.mjs'
import { note } from './ledger.mjs'
import { binary } from './paths.mjs'
import { faultOfListening } from './ports.mjs'
import { Problem } from './problem.mjs'
import { start } from './processes.mjs'

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
  note(server)
  const isReady = async () =>
    !server.isRunning() || (await answersOk(`http://127.0.0.1:${port}/readyz`))
  const settled = await waitFor(isReady, { timeout: 60_000, signal: interrupted })
  if (settled && server.isRunning()) return server
  const how = server.isRunning()
    ? 'was not ready within a minute'
    : `did not start (${await server.exited})`
  await server.stop()
  interrupted.throwIfAborted()
  throw new Problem(`The server ${how}; what it says is above.`)
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
export async function untilTheEnd(name, child, database) {
  const asked = untilInterrupted().then(() => '')
  const died = child.exited.then(
    (how) => `${name} stopped by itself (${how}); what it said last is above.`,
  )
  const lost = database.lost.then((how) => `Postgres has gone away: ${how}.`)
  const reason = await Promise.race([asked, died, lost])
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
 * Reads PORT, and makes sure that it can be had.
 * @param {string} command what the person typed, for the advice
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
    throw new Problem(`Port ${port} is taken: stop what runs there, or ${advice}.`)
  if (fault === 'EACCES') throw new Problem(`Port ${port} is not open to this user: ${advice}.`)
  return port
}
