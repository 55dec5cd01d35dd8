// npm run proxies: tests the gate behind the newest Caddy and Traefik, which it builds from the Go
// modules in tools/proxies. The first build takes minutes. npm run test:all uses the system's Caddy
// instead, and no Traefik.
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { compileTool } from './lib/builds.mjs'
import { dataDir, root } from './lib/paths.mjs'
import { postgresBinaries } from './lib/postgres.mjs'
import { prepare } from './lib/prepare.mjs'
import { runMain } from './lib/problem.mjs'
import { mustRun } from './lib/processes.mjs'
import { provideProxies } from './lib/proxies.mjs'
import { runSteps } from './lib/steps.mjs'
import { startTestPostgres } from './lib/test-postgres.mjs'

const proxies = join(root, 'tools/proxies')

async function main() {
  await prepare()
  await provideProxies()
  /** @type {(() => Promise<void>)[]} */
  const cleanups = []
  const caddy = 'build of Caddy'
  const traefik = 'build of Traefik'
  const postgres = 'Postgres for the tests'
  try {
    const ready = await runSteps([
      {
        name: caddy,
        run: async () => {
          process.env.SANA_CADDY = await build('caddy', 'github.com/caddyserver/caddy/v2/cmd/caddy')
        },
      },
      {
        name: traefik,
        run: async () => {
          const flags = [`-modfile=${await withoutDnsProviders()}`]
          const program = 'github.com/traefik/traefik/v3/cmd/traefik'
          process.env.SANA_TRAEFIK = await build('traefik', program, flags)
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
        name: 'tests behind the proxies',
        needs: [postgres, caddy, traefik],
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

/**
 * Builds a program of a module in tools/proxies and returns its path.
 * @param {string} module
 * @param {string} of
 * @param {string[]} [flags]
 */
async function build(module, of, flags = []) {
  const program = join(dataDir, 'proxies', module)
  await compileTool(`Building ${module}`, join(proxies, module), of, program, flags)
  return program
}

/**
 * Copies lego, Traefik's ACME client, without its DNS providers, for which Go would download the
 * client libraries of a hundred companies. Returns a go.mod of Traefik's module that uses the copy.
 */
async function withoutDnsProviders() {
  const home = join(proxies, 'traefik')
  const lego = 'github.com/go-acme/lego/v5'
  const download = ['mod', 'download', '-json', lego]
  const { Dir } = JSON.parse(await mustRun('Downloading lego', 'go', download, { cwd: home }))

  const providers = join('providers', 'dns')
  const copy = join(dataDir, 'proxies', 'lego')
  rmSync(copy, { recursive: true, force: true })
  mkdirSync(join(copy, providers), { recursive: true })
  for (const path of /** @type {string[]} */ (readdirSync(Dir, { recursive: true }))) {
    if (path.startsWith(providers) || !/\.(go|mod)$/.test(path)) continue
    mkdirSync(dirname(join(copy, path)), { recursive: true })
    writeFileSync(join(copy, path), readFileSync(join(Dir, path)))
  }
  copyFileSync(join(home, 'dns/dns.go'), join(copy, providers, 'dns.go'))

  const modfile = join(dataDir, 'proxies', 'traefik.mod')
  copyFileSync(join(home, 'go.mod'), modfile)
  copyFileSync(join(home, 'go.sum'), join(dataDir, 'proxies', 'traefik.sum'))
  await mustRun('Replacing lego', 'go', ['mod', 'edit', `-replace=${lego}=${copy}`, modfile])
  return modfile
}

await runMain(main)
