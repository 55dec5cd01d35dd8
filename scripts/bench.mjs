// npm run bench: compares Sana with other ways to keep users signed in, and prints the method and
// tables. It takes about half an hour, most of it for the growth to ten million sessions.
//   npm run bench -- --json FILE         also writes the figures as JSON
//   npm run bench -- --without-growth    skips the growth, and reports that
//   npm run bench -- --only reads,start  measures these parts only
//   npm run bench -- --quick             a short run for development, too short for quoting
import { totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { imageSize, provideGunicorn, provideWrk } from './lib/bench-tools.mjs'
import { build, compileTool } from './lib/builds.mjs'
import { interrupted } from './lib/interrupt.mjs'
import { binary, dataDir, root } from './lib/paths.mjs'
import { prepare } from './lib/prepare.mjs'
import { Problem, runMain } from './lib/problem.mjs'
import { start } from './lib/processes.mjs'
import { provideProxies } from './lib/proxies.mjs'
import { startTestPostgres } from './lib/test-postgres.mjs'

const home = join(root, 'tools/bench')

/**
 * Settings of a production server: commits are durable, and a quarter of the memory is shared
 * buffers (PostgreSQL documentation, 19.4.1).
 */
const settings = {
  fsync: 'on',
  synchronous_commit: 'on',
  full_page_writes: 'on',
  shared_buffers: `${Math.floor(totalmem() / 4 / 2 ** 20)}MB`,
  max_wal_size: '4GB',
  checkpoint_timeout: '15min',
  max_connections: 200,
}

const options = /** @type {const} */ ({
  json: { type: 'string' },
  only: { type: 'string' },
  quick: { type: 'boolean' },
  'without-growth': { type: 'boolean' },
})

/** @param {string[]} args */
async function main(args) {
  const chosen = choose(args)
  await prepare()
  await provideWrk()
  const gunicorn = await provideGunicorn()
  if (measuresGate(chosen.only)) await provideProxies()
  await build()
  console.log('Building the peers …')
  const programs = await buildPrograms(!chosen['without-growth'])
  const postgres = await startTestPostgres(settings)
  try {
    const args = [
      ['-sana', binary],
      ['-database', postgres.url],
      [
        '-settings',
        Object.entries(settings)
          .map(([name, value]) => `${name} = ${value}`)
          .join(', '),
      ],
      ['-image', imageSize()],
      'path' in gunicorn ? ['-gunicorn', gunicorn.path] : ['-no-gunicorn', gunicorn.missing],
      chosen.json ? ['-json', resolve(process.env.INIT_CWD ?? '.', chosen.json)] : [],
      chosen.only ? ['-only', chosen.only] : [],
      chosen.quick ? ['-quick'] : [],
      chosen['without-growth'] ? [] : ['-growth', programs.growth],
      measuresGate(chosen.only) ? ['-oauth2-proxy', await buildOAuth2Proxy()] : [],
      process.env.SANA_NGINX ? ['-nginx', process.env.SANA_NGINX] : [],
    ]
    const running = await start(programs.bench, args.flat())
    interrupted.addEventListener('abort', () => running.stop())
    const exit = await running.exited
    interrupted.throwIfAborted()
    return exit === 'exit code 0' ? 0 : 1
  } finally {
    await postgres.stop()
  }
}

/** @param {string | undefined} only */
function measuresGate(only) {
  return !only || only.split(',').includes('gate')
}

/**
 * Builds oauth2-proxy from the module in tools/proxies, and the program that creates its cookies
 * beside it. Returns the path of oauth2-proxy.
 */
async function buildOAuth2Proxy() {
  const output = join(dataDir, 'proxies', 'oauth2-proxy')
  const module = join(root, 'tools/proxies/oauth2-proxy')
  const doing = 'Building oauth2-proxy'
  await compileTool(doing, module, 'github.com/oauth2-proxy/oauth2-proxy/v7', output)
  await compileTool(doing, module, './cookie', `${output}-cookie`)
  return output
}

/** @param {string[]} args */
function choose(args) {
  try {
    return parseArgs({ args, options }).values
  } catch (error) {
    throw new Problem(
      `${error.message}. The options are --json FILE, --without-growth, --only PARTS and --quick.`,
    )
  }
}

/**
 * Builds the programs, and with them the peers, as bin/sana is built.
 * @param {boolean} withGrowth
 */
async function buildPrograms(withGrowth) {
  const programs = { bench: join(dataDir, 'bench'), growth: join(dataDir, 'bench-growth') }
  const doing = 'Building the benchmark'
  await compileTool(doing, home, '.', programs.bench)
  if (withGrowth) await compileTool(doing, home, './growth', programs.growth)
  return programs
}

await runMain(main)
