// npm start: from a fresh clone to a running Sana. What is missing is installed, what has changed is built, and the
// data of the last start is there again, however that one ended.
//
// PORT (3000) is where it listens; DATABASE_URL, if set, is used instead of a Postgres of our own in .data/.
// Ctrl-C stops the server and then Postgres, unless another start in this folder still uses it (lib/database.mjs).
import { build } from './lib/builds.mjs'
import { openDatabase } from './lib/database.mjs'
import { installDependencies } from './lib/dependencies.mjs'
import { listenForInterrupts, untilInterrupted } from './lib/interrupt.mjs'
import { stopOrphans } from './lib/ledger.mjs'
import { runMain } from './lib/problem.mjs'
import { choosePort, startServer } from './lib/server.mjs'
import { checkVersions } from './lib/versions.mjs'

async function main() {
  listenForInterrupts()
  checkVersions()
  await installDependencies()
  await stopOrphans()
  const port = await choosePort('npm start')
  await build()
  const database = await openDatabase()
  try {
    const publicUrl = process.env.PUBLIC_URL || `http://localhost:${port}`
    const server = await startServer({ port, publicUrl, databaseUrl: database.url })
    announce(publicUrl)
    try {
      return await untilTheEnd(server, database)
    } finally {
      await server.stop()
    }
  } finally {
    await database.release()
  }
}

/** @param {string} url */
function announce(url) {
  console.log(`
  Sana is running:  ${url}
  Mail goes to:     ${url}/dev/inbox
  Stop with Ctrl-C.
`)
}

/**
 * @param {import('./lib/processes.mjs').Child} server
 * @param {import('./lib/database.mjs').Database} database
 * @returns {Promise<number>} the exit code
 */
async function untilTheEnd(server, database) {
  const asked = untilInterrupted().then(() => '')
  const died = server.exited.then((how) => `The server stopped by itself (${how}); what it said last is above.`)
  const lost = database.lost.then((how) => `Postgres has gone away: ${how}.`)
  const reason = await Promise.race([asked, died, lost])
  console.log(reason ? `\n${reason}` : '\nStopping …')
  return reason ? 1 : 0
}

await runMain(main, 0)
