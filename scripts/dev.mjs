// npm run dev: npm start with Vite's dev server in front, which reloads a changed SPA, and with a
// server that is rebuilt and restarted when its sources change. PORT (3000) is Vite's.
import { buildServer } from './lib/builds.mjs'
import { openDatabase } from './lib/database.mjs'
import { interrupted, waitFor } from './lib/interrupt.mjs'
import { recordChild, stopOrphans } from './lib/ledger.mjs'
import { tools } from './lib/paths.mjs'
import { freePort } from './lib/ports.mjs'
import { prepare } from './lib/prepare.mjs'
import { Problem, runMain } from './lib/problem.mjs'
import { start } from './lib/processes.mjs'
import { announce, answersOk, choosePort, startServer, waitForExit } from './lib/server.mjs'
import { isSource, watchSources } from './lib/watch.mjs'

async function main() {
  await prepare()
  await stopOrphans()
  const port = await choosePort('npm run dev')
  const database = await openDatabase()
  try {
    const publicUrl = process.env.PUBLIC_URL || `http://localhost:${port}`
    const options = { port: await freePort(), publicUrl, databaseUrl: database.url }
    const env = {
      ...process.env,
      VITE_PORT: String(port),
      SANA_API: `http://127.0.0.1:${options.port}`,
    }
    const args = [tools.vite, '--clearScreen', 'false', '--logLevel', 'warn']
    const vite = await start(process.execPath, args, {
      env,
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    recordChild(vite)
    const server = keepServerCurrent(options, (fault) => vite.send({ serverFault: fault }))
    try {
      return await untilStopped({ port, publicUrl, vite, server, database })
    } finally {
      await Promise.all([vite.stop(3000), server.stop()])
    }
  } finally {
    await database.release()
  }
}

/**
 * @param {{ port: number, publicUrl: string, vite: import('./lib/processes.mjs').Child,
 *   server: { first: Promise<void> }, database: import('./lib/database.mjs').Database }} options
 * @returns {Promise<number>} the exit code
 */
async function untilStopped({ port, publicUrl, vite, server, database }) {
  const isUp = async () => !vite.isRunning() || (await answersOk(`http://127.0.0.1:${port}/`))
  await Promise.all([server.first, waitFor(isUp, { timeout: 60_000, signal: interrupted })])
  if (!interrupted.aborted) announce(publicUrl)
  return await waitForExit('Vite', vite, database)
}

/**
 * Builds and starts the server now and after every change of its sources. `first` rejects if the
 * first start fails. After that, a build that fails leaves the old server running, and a server
 * that does not start waits for the next change.
 * @param {Parameters<typeof startServer>[0]} options
 * @param {(fault: string) => void} notify receives the error of a start, and '' when a server
 *   runs
 */
function keepServerCurrent(options, notify) {
  /** @type {import('./lib/processes.mjs').Child | undefined} */
  let server
  const stop = async () => {
    const old = server
    server = undefined
    await old?.stop()
  }
  const restart = async () => {
    await buildServer()
    await stop()
    const fresh = await startServer(options)
    server = fresh
    fresh.exited.then((exit) => {
      if (server === fresh) report(`The server exited (${exit}).`)
    })
    notify('')
  }
  const report = (/** @type {string} */ fault) => {
    console.error(`\n${fault}\nWaiting for a change …\n`)
    notify(fault)
  }
  const restartOrReport = async () => {
    if (interrupted.aborted) return
    try {
      await restart()
    } catch (error) {
      if (!interrupted.aborted) report(error instanceof Problem ? error.message : error.stack)
    }
  }
  const first = restart()
  let last = first.catch(() => {})
  watchSources(
    { trees: ['backend', 'migrations'], folders: ['.', 'frontend'], matters: isSource },
    () => {
      console.log('Rebuilding the server …')
      last = last.then(restartOrReport)
    },
  )
  const stopAfterRestart = async () => {
    await last
    await stop()
  }
  return { first, stop: stopAfterRestart }
}

await runMain(main, 0)
