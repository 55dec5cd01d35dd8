// npm run dev: npm start with Vite's dev server in front, which shows a change of the SPA at once, and with a server
// that is built and started again when its sources change. PORT (3000) is Vite's.
import { buildServer } from './lib/builds.mjs'
import { openDatabase } from './lib/database.mjs'
import { installDependencies } from './lib/dependencies.mjs'
import { interrupted, listenForInterrupts, waitFor } from './lib/interrupt.mjs'
import { note, stopOrphans } from './lib/ledger.mjs'
import { tools } from './lib/paths.mjs'
import { freePort } from './lib/ports.mjs'
import { Problem, runMain } from './lib/problem.mjs'
import { start } from './lib/processes.mjs'
import { announce, answersOk, choosePort, startServer, untilTheEnd } from './lib/server.mjs'
import { checkVersions } from './lib/versions.mjs'
import { watchSources } from './lib/watch.mjs'

async function main() {
  listenForInterrupts()
  checkVersions()
  await installDependencies()
  await stopOrphans()
  const port = await choosePort('npm run dev')
  const database = await openDatabase()
  try {
    const publicUrl = process.env.PUBLIC_URL || `http://localhost:${port}`
    const options = { port: await freePort(), publicUrl, databaseUrl: database.url }
    const server = keepServerCurrent(options)
    try {
      return await runVite({ port, publicUrl, api: `http://127.0.0.1:${options.port}`, server, database })
    } finally {
      await server.stop()
    }
  } finally {
    await database.release()
  }
}

/**
 * @param {{ port: number, publicUrl: string, api: string, server: { first: Promise<void> },
 *   database: import('./lib/database.mjs').Database }} options
 * @returns {Promise<number>} the exit code
 */
async function runVite({ port, publicUrl, api, server, database }) {
  const env = { ...process.env, VITE_PORT: String(port), SANA_API: api }
  const vite = await start(process.execPath, [tools.vite, '--clearScreen', 'false', '--logLevel', 'warn'], { env })
  note(vite)
  try {
    const isUp = async () => !vite.isRunning() || (await answersOk(`http://127.0.0.1:${port}/`))
    await Promise.all([server.first, waitFor(isUp, { timeout: 60_000, signal: interrupted })])
    if (!interrupted.aborted) announce(publicUrl)
    return await untilTheEnd('Vite', vite, database)
  } finally {
    await vite.stop(3000)
  }
}

/**
 * Builds and starts the server now and after every change of its sources. A build that fails leaves the old server
 * running; a server that does not start is waiting for the next change.
 * @param {Parameters<typeof startServer>[0]} options
 */
function keepServerCurrent(options) {
  /** @type {import('./lib/processes.mjs').Child | undefined} */
  let server
  const stop = async () => {
    const old = server
    server = undefined
    await old?.stop()
  }
  const renew = async () => {
    if (interrupted.aborted) return
    try {
      await buildServer()
      await stop()
      const fresh = await startServer(options)
      server = fresh
      fresh.exited.then((how) => {
        if (server === fresh) console.error(`\nThe server stopped by itself (${how}). Waiting for a change …\n`)
      })
    } catch (error) {
      if (interrupted.aborted) return
      console.error(`\n${error instanceof Problem ? error.message : error.stack}\nWaiting for a change …\n`)
    }
  }
  let last = renew()
  const first = last
  watchSources({ trees: ['backend', 'migrations'], folders: ['.', 'frontend'], matters: isSource }, () => {
    console.log('Building the server again …')
    last = last.then(renew)
  })
  const stopForGood = async () => {
    await last
    await stop()
  }
  return { first, stop: stopForGood }
}

/** @param {string} path */
function isSource(path) {
  return /\.(go|sql|yaml|html|txt|tmpl)$|^go\.(mod|sum)$/.test(path) && !path.endsWith('_test.go')
}

await runMain(main, 0)
