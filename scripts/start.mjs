// npm start: runs Sana from a fresh clone. It installs missing packages, builds changed sources,
// and keeps the data of the last start.
//
// It listens on PORT (3000), and uses DATABASE_URL if it is set, otherwise its own Postgres in
// .data/. Ctrl-C stops the server and then Postgres, unless another start in this folder still uses
// it (lib/database.mjs).
import { build } from './lib/builds.mjs'
import { openDatabase } from './lib/database.mjs'
import { stopOrphans } from './lib/ledger.mjs'
import { prepare } from './lib/prepare.mjs'
import { runMain } from './lib/problem.mjs'
import { announce, choosePort, startServer, waitForExit } from './lib/server.mjs'

async function main() {
  await prepare()
  await stopOrphans()
  const port = await choosePort('npm start')
  await build()
  const database = await openDatabase()
  try {
    const publicUrl = process.env.PUBLIC_URL || `http://localhost:${port}`
    const server = await startServer({ port, publicUrl, databaseUrl: database.url })
    announce(publicUrl)
    try {
      return await waitForExit('The server', server, database)
    } finally {
      await server.stop()
    }
  } finally {
    await database.release()
  }
}

await runMain(main, 0)
