// npm run proxies: the tests of the gate behind the newest Caddy, built as a Go module of
// tools/proxies. The first build takes minutes; npm run test:all has the system's Caddy instead.
import { join } from 'node:path'
import { installDependencies } from './lib/dependencies.mjs'
import { listenForInterrupts } from './lib/interrupt.mjs'
import { dataDir, root } from './lib/paths.mjs'
import { postgresBinaries } from './lib/postgres.mjs'
import { runMain } from './lib/problem.mjs'
import { mustRun } from './lib/processes.mjs'
import { provideProxies } from './lib/proxies.mjs'
import { runSteps } from './lib/steps.mjs'
import { startTestPostgres } from './lib/test-postgres.mjs'
import { checkVersions } from './lib/versions.mjs'

async function main() {
  listenForInterrupts()
  checkVersions()
  await installDependencies()
  await provideProxies()
  /** @type {(() => Promise<void>)[]} */
  const cleanups = []
  const program = join(dataDir, 'proxies', 'caddy')
  const caddy = 'build of Caddy'
  const postgres = 'Postgres for the tests'
  try {
    const ready = await runSteps([
      {
        name: caddy,
        run: async () => {
          const home = join(root, 'tools/proxies/caddy')
          const args = [
            'build',
            '-C',
            home,
            '-trimpath',
            '-o',
            program,
            'github.com/caddyserver/caddy/v2/cmd/caddy',
          ]
          await mustRun('Building Caddy', 'go', args, { env: { ...process.env, CGO_ENABLED: '0' } })
          process.env.SANA_CADDY = program
        },
      },
      {
        name: postgres,
        run: async () => {
          const { url, stop } = await startTestPostgres()
          cleanups.push(stop)
          process.env.TEST_DATABASE_URL = url
          process.env.SANA_POSTGRES_BIN = await postgresBinaries()
        },
      },
      {
        name: 'tests behind it',
        needs: [postgres, caddy],
        run: async () => {
          const packages = ['./backend/gate', './backend/diagnose/check']
          const args = ['test', '-count=1', '-run', '^Test(Proxies|Examples|App)_', ...packages]
          await mustRun('go test', 'go', args, { env: process.env })
        },
      },
    ])
    return ready ? 0 : 1
  } finally {
    for (const cleanup of cleanups) await cleanup()
  }
}

await runMain(main)
