// npm run bench: compares Sana with other ways to keep users signed in; prints one table, with the
// method above it. All of it takes about half an hour, of which the growth to ten million sessions
// is the greater part.
//   npm run bench -- --json FILE         writes the figures for programs, too
//   npm run bench -- --without-growth    leaves that part out, and says so
//   npm run bench -- --only reads,start  measures these parts only
//   npm run bench -- --quick             a short form while developing: no figures to be quoted
import { totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { imageSize, provideGunicorn, provideWrk } from './lib/bench-tools.mjs'
import { build } from './lib/builds.mjs'
import { installDependencies } from './lib/dependencies.mjs'
import { interrupted, listenForInterrupts } from './lib/interrupt.mjs'
import { binary, dataDir, root } from './lib/paths.mjs'
import { Problem, runMain } from './lib/problem.mjs'
import { mustRun, start } from './lib/processes.mjs'
import { provideProxies } from './lib/proxies.mjs'
import { startTestPostgres } from './lib/test-postgres.mjs'
import { checkVersions } from './lib/versions.mjs'

const home = join(root, 'tools/bench')

/**
 * As a production server has them: what is committed is on the disk, and there is memory for what
 * is in use, a quarter of all (PostgreSQL documentation, 19.4.1).
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

async function main() {
  listenForInterrupts()
  const chosen = choose()
  checkVersions()
  await installDependencies()
  await provideWrk()
  const gunicorn = await provideGunicorn()
  if (measuresGate(chosen.only)) await provideProxies()
  await build()
  console.log('Building what Sana is compared with …')
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
    const how = await running.exited
    interrupted.throwIfAborted()
    return how === 'exit code 0' ? 0 : 1
  } finally {
    await postgres.stop()
  }
}

/** @param {string | undefined} only */
function measuresGate(only) {
  return !only || only.split(',').includes('gate')
}

/**
 * oauth2-proxy of the module in tools/proxies, and beside it the program that makes its cookies.
 * Returns its path.
 */
async function buildOAuth2Proxy() {
  const output = join(dataDir, 'proxies', 'oauth2-proxy')
  const module = join(root, 'tools/proxies/oauth2-proxy')
  const env = { ...process.env, CGO_ENABLED: '0' }
  for (const [of, to] of [
    ['github.com/oauth2-proxy/oauth2-proxy/v7', output],
    ['./cookie', `${output}-cookie`],
  ]) {
    const flags = ['-buildvcs=false', '-trimpath', '-ldflags', '-s -w']
    await mustRun('Building oauth2-proxy', 'go', ['build', '-C', module, ...flags, '-o', to, of], {
      env,
    })
  }
  return output
}

function choose() {
  try {
    return parseArgs({ options }).values
  } catch (error) {
    throw new Problem(
      `${error.message}. The options are --json FILE, --without-growth, --only PARTS and --quick.`,
    )
  }
}

/**
 * With the flags of bin/sana: the peers get what Sana gets.
 * @param {boolean} withGrowth
 */
async function buildPrograms(withGrowth) {
  const programs = { bench: join(dataDir, 'bench'), growth: join(dataDir, 'bench-growth') }
  const env = { ...process.env, CGO_ENABLED: '0' }
  for (const [folder, output] of [
    ['.', programs.bench],
    ...(withGrowth ? [['./growth', programs.growth]] : []),
  ]) {
    const flags = ['-buildvcs=false', '-trimpath', '-ldflags', '-s -w', '-o', output]
    await mustRun('Building the benchmark', 'go', ['build', '-C', home, ...flags, folder], { env })
  }
  return programs
}

await runMain(main)
