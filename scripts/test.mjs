// npm test: what one runs before a commit. npm run test:all: that and the long forms; CI runs it.
// See usage. All steps are run, also after one has failed.
import { spawnSync } from 'node:child_process'
import { fetchAhead, refuseToInstall } from './lib/ahead.mjs'
import { buildServer, buildSpa } from './lib/builds.mjs'
import { provideCompiler } from './lib/c-compiler.mjs'
import { goChecks, webChecks } from './lib/checks.mjs'
import { provideChromium } from './lib/chromium.mjs'
import { installDependencies } from './lib/dependencies.mjs'
import { interrupted, listenForInterrupts } from './lib/interrupt.mjs'
import { root, tools } from './lib/paths.mjs'
import { providePgBouncer } from './lib/pgbouncer.mjs'
import { postgresBinaries } from './lib/postgres.mjs'
import { Problem, runMain } from './lib/problem.mjs'
import { mustRun, run, start } from './lib/processes.mjs'
import { provideProxies } from './lib/proxies.mjs'
import { buildReleasesBefore } from './lib/releases-before.mjs'
import { checkSizes } from './lib/sizes.mjs'
import { runSteps } from './lib/steps.mjs'
import { startTestPostgres } from './lib/test-postgres.mjs'
import { checkVersions } from './lib/versions.mjs'
import { buildWorkbench, serveWorkbench } from './lib/workbench.mjs'

const usage = `npm test                                what finds most faults, in minutes: the checks, the tests of the
                                        pages, those of the Go packages in their short form, and one walk
npm run test:all                        everything: also the race detector, whole programs, faults, proxies,
                                        every page in every state, every walk; CI runs it

Of both, one part:

npm test -- web                         the checks and tests of the pages
npm test -- go                          the checks and tests of the Go packages
npm test -- states                      every page in every state, in a browser
npm test -- e2e                         the walks through the whole program, in a browser

With arguments behind the part, only those tests are run, by the part's own runner:

npm test -- web useRead --watch         Vitest (without --watch it runs once)
npm test -- go ./backend/web -run TestX go test
npm test -- states -g "sign-in"         Playwright
npm test -- e2e e2e/sign-in.spec.ts     Playwright

--no-install, in front, fails and names what this machine lacks instead of installing it.
TEST_DATABASE_URL names a Postgres server for the tests, as its superuser; without it they bring one.`

const parts = ['web', 'go', 'states', 'e2e']
const goPackages = ['./backend/...', './frontend/...', './migrations/...']
const inBackend = (/** @type {string} */ name) => `sana/backend/${name}`
/** Packages that take minutes; most of their instances are processes of their own. */
const slow = ['diagnose/check', 'test/drill', 'test/system'].map(inBackend)
/**
 * Packages that are tested without the race detector, with which they take several times as long:
 * what it could find in the programs that they start the tests of the other packages pass through,
 * and the rest has one goroutine.
 */
const unraced = [
  ...slow,
  ...[
    'challenge',
    'cli',
    'diagnose/doctor',
    'fold',
    'gate',
    'gate/appcookie',
    'mail/templates',
    'test/repo',
  ].map(inBackend),
]
const chaos = 'sana/backend/test/chaos'
/**
 * Most of their time tests wait: for an answer, for an instance to end, for a database to come
 * back. go vet is a step of its own.
 */
const goTest = ['test', '-vet=off', '-p=3', '-parallel=6']
/**
 * For programs that read sources: they end soon, and collecting their garbage takes a sixth of
 * their time.
 */
const reading = { GOGC: '400' }
/** The steps without which no Go test runs. */
const provisions = [
  'build of the single-page app',
  'Postgres for the tests',
  'PgBouncer',
  'nginx and Caddy',
]
/** The package that takes longest: the others are done meanwhile, if it begins first. */
const longest = 'sana/backend/web'
/** The walk of `npm test`: the whole way of a person, through all that there is. */
const firstWalk = 'e2e/sign-in.spec.ts'

/**
 * A step of one or more parts. One that is long is run if everything is wanted, or its part alone;
 * one that is short stands for a long one where that is not run.
 * @typedef {import('./lib/steps.mjs').Step & { parts: string[], form?: 'long' | 'short' }} PartStep
 * @typedef {{ Path: string, Indirect?: boolean }} GoModule
 */

async function main() {
  listenForInterrupts()
  const { all, install, chosen, options } = parse(process.argv.slice(2))
  if (chosen === '--help' || chosen === '-h') {
    console.log(usage)
    return 0
  }
  if (chosen !== undefined && !parts.includes(chosen))
    throw new Problem(`There is no part ${chosen}.\n\n${usage}`)
  checkVersions()
  if (!install) refuseToInstall()
  const fetched = fetchAhead()
  await installDependencies()
  /** @type {(() => Promise<void>)[]} */
  const cleanups = []
  try {
    if (options.length > 0 && chosen === 'web')
      return await runVisibly(process.execPath, [tools.vitest, ...vitest(options)])
    const steps = [
      ...webSteps(),
      ...goSteps(fetched),
      ...commonSteps(cleanups),
      ...lastSteps(options),
    ]
    // To name states or e2e is to want them whole.
    const long = all || chosen === 'states' || chosen === 'e2e'
    const form = steps.filter((step) => step.form !== (long ? 'short' : 'long'))
    const some = form.filter((step) => !chosen || step.parts.includes(chosen))
    if (options.length > 0 && chosen === 'go') {
      const ready = await runSteps(steps.filter(({ name }) => provisions.includes(name)))
      return ready ? await runVisibly('go', ['test', ...options]) : 1
    }
    return (await runSteps(some)) ? 0 : 1
  } finally {
    for (const cleanup of cleanups) await cleanup()
  }
}

/** @param {string[]} args */
function parse(args) {
  const rest = [...args]
  const takes = (/** @type {string} */ flag) => {
    if (rest[0] !== flag) return false
    rest.shift()
    return true
  }
  const all = takes('--all')
  const install = !takes('--no-install')
  const [chosen, ...options] = rest
  return { all, install, chosen, options }
}

/**
 * Runs a command in sight of the person, who may answer it.
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<number>} the exit code of this script
 */
async function runVisibly(command, args) {
  const child = await start(command, args, { stdio: 'inherit' })
  const stop = () => child.stop()
  interrupted.addEventListener('abort', stop)
  return (await child.exited) === 'exit code 0' ? 0 : 1
}

/**
 * @param {string[]} options
 * @returns {string[]} the same, to run once unless they say otherwise
 */
function vitest(options) {
  return options.includes('--watch') ? options : ['run', ...options]
}

/** @returns {PartStep[]} */
function webSteps() {
  const parts = ['web']
  return [
    ...webChecks.map((step) => ({ parts, ...step })),
    { parts, name: 'Vitest', run: () => node(tools.vitest, 'run') },
  ]
}

/**
 * @param {Promise<void>} fetched
 * @returns {PartStep[]}
 */
function goSteps(fetched) {
  const parts = ['go']
  return [
    { parts: ['go', 'states', 'e2e'], name: 'what had to be fetched', run: () => fetched },
    ...goChecks.map((step) => ({ parts, ...step })),
    { parts, name: 'go vet', run: () => read('vet', ...goPackages) },
    { parts, name: 'staticcheck', run: () => read('tool', 'staticcheck', ...goPackages) },
    { parts, name: 'go.mod', run: checkGoMod },
    { parts, name: 'go mod verify', run: () => go(['mod', 'verify']) },
    // It is a module of its own, which nothing else here would compile.
    { parts, name: 'go vet of tools/bench', run: () => read('vet', '-C', 'tools/bench', './...') },
    { parts, name: 'govulncheck', run: checkVulnerabilities },
  ]
}

/**
 * @param {(() => Promise<void>)[]} cleanups
 * @returns {PartStep[]}
 */
function commonSteps(cleanups) {
  const providePostgres = async () => {
    if (!process.env.TEST_DATABASE_URL) {
      const { url, stop } = await startTestPostgres()
      cleanups.push(stop)
      process.env.TEST_DATABASE_URL = url
    }
    process.env.SANA_POSTGRES_BIN = await postgresBinaries()
  }
  const chooseReleasesBefore = async () => {
    const { dir, missing, remove } = await buildReleasesBefore()
    cleanups.push(remove)
    process.env.SANA_RELEASES_BEFORE = dir
    return missing.length > 0
      ? `but NOT ALL ARE TESTED BESIDE THIS ONE: ${missing.join('; ')}`
      : 'built'
  }
  return [
    { parts, name: 'build of the single-page app', run: buildSpa },
    {
      parts,
      name: 'sizes of the single-page app',
      needs: ['build of the single-page app'],
      run: checkSizes,
    },
    { parts: ['go', 'e2e'], name: 'Postgres for the tests', run: providePostgres },
    {
      parts: ['go'],
      form: 'long',
      name: 'the releases before this one',
      run: chooseReleasesBefore,
    },
  ]
}

/**
 * @param {string[]} options for Playwright
 * @returns {PartStep[]}
 */
function lastSteps(options) {
  const postgres = 'Postgres for the tests'
  const server = 'build of bin/sana'
  return [
    { parts: ['go'], form: 'long', name: 'PgBouncer', run: choosePgBouncer },
    { parts: ['go'], form: 'long', name: 'nginx and Caddy', run: chooseProxies },
    { parts: ['go'], name: 'systemd-analyze', run: findSystemdAnalyze },
    // A test looks into the built program: it finds all but the last step of its build done.
    {
      parts: ['go', 'e2e'],
      name: server,
      needs: ['build of the single-page app'],
      run: buildServer,
    },
    { parts: ['go'], form: 'short', name: 'go test', needs: [postgres], run: testGoQuickly },
    { parts: ['go'], form: 'long', name: 'go test', needs: [postgres], run: testGo },
    {
      parts: ['go'],
      form: 'long',
      name: 'go test without the race detector',
      needs: [postgres],
      run: () => go([...goTest, ...unraced]),
    },
    {
      parts: ['go'],
      form: 'long',
      name: 'go test of faults',
      needs: [postgres],
      run: () => go([...goTest, chaos]),
    },
    { parts: ['states', 'e2e'], name: 'Chromium', run: chooseChromium },
    {
      parts: ['states'],
      form: 'long',
      name: 'Playwright: every state',
      needs: ['Chromium'],
      run: () => testStates(options),
    },
    {
      parts: ['e2e'],
      form: 'short',
      name: 'Playwright: one walk',
      needs: [postgres, server, 'Chromium'],
      run: () => node(tools.playwright, 'test', '--project=walks', firstWalk),
    },
    {
      parts: ['e2e'],
      form: 'long',
      name: 'Playwright',
      needs: [postgres, server, 'Chromium'],
      run: () => node(tools.playwright, 'test', '--project=start', '--project=walks', ...options),
    },
  ]
}

/** @param {string[]} args */
async function node(...args) {
  return lastWords(await mustRun(args.join(' ').replace(`${root}/`, ''), process.execPath, args))
}

/**
 * With the settings of the build of bin/sana, which then finds everything compiled already. Of
 * tests that fail, the names are repeated at the end.
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
async function go(args, env) {
  const flags = `${process.env.GOFLAGS ?? ''} -trimpath`.trim()
  const { ok, output } = await run('go', args, {
    env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: flags, ...env },
  })
  if (ok) return
  const failed = output.match(
    /^ *--- FAIL: .*|^panic: .*|^\t+(?:Test|Fuzz)\w+.* \(\w+\)$|^FAIL\t.*/gm,
  )
  throw new Problem(
    [output.trimEnd(), '', `go ${args.join(' ')} failed:`, ...(failed ?? [])].join('\n'),
  )
}

/** @param {string[]} args */
async function read(...args) {
  await go(args, reading)
}

/**
 * Returns the runner's last lines about the number of tests, so that an empty run, skipped tests
 * and retries are visible.
 * @param {string} output
 * @returns {string | undefined}
 */
function lastWords(output) {
  const counts = output.match(/^\W*(?:Tests\s+)?\d+ passed.*$|^\W*pass \d+$/gm)
  const doubtful = output.match(/^\s*\d+ (?:flaky(?:\n +\S.* › .*)*|skipped|did not run)$/gm) ?? []
  if (!counts) return undefined
  return [counts.at(-1), ...doubtful].map((line) => line?.trim()).join(', ')
}

/**
 * What is missing in go.mod stops every build; this looks for what is too much. `go mod tidy -diff`
 * would do both, but wants to download what only the tests of our libraries' own libraries import.
 */
async function checkGoMod() {
  const modules = '{{with .Module}}{{.Path}}{{end}}'
  const list = ['list', '-deps', '-test', '-f', modules, ...goPackages, 'tool']
  const imported = (await mustRun('go list', 'go', list)).split('\n')
  const { Require: required } = JSON.parse(
    await mustRun('go mod edit', 'go', ['mod', 'edit', '-json']),
  )
  const idle = required.filter(
    (/** @type {GoModule} */ { Path, Indirect }) => !(Indirect || imported.includes(Path)),
  )
  if (idle.length === 0) return
  const names = idle.map((/** @type {GoModule} */ { Path }) => Path)
  throw new Problem(`go.mod names ${names.join(', ')}, but nothing imports it: run go mod tidy.`)
}

/** Known vulnerabilities in what we call, from Go's public database, where that can be reached. */
async function checkVulnerabilities() {
  const unchecked = 'but NOTHING WAS CHECKED: the database cannot be reached'
  if (!(await vulnerabilitiesAreThere())) return unchecked
  const { ok, output } = await run('go', ['tool', 'govulncheck', ...goPackages])
  if (ok) return undefined
  if (output.includes('fetching vulnerabilities:')) return unchecked
  throw new Problem(`${output.trimEnd()}\n\ngovulncheck found what is above, or could not look.`)
}

/**
 * Finds out early what govulncheck would find out once it is compiled. Only Go's own client knows
 * the way through a proxy.
 */
async function vulnerabilitiesAreThere() {
  const { GOVULNDB = 'https://vuln.go.dev', HTTPS_PROXY, https_proxy } = process.env
  if (HTTPS_PROXY || https_proxy || !GOVULNDB.startsWith('http')) return true
  const signal = AbortSignal.timeout(10_000)
  const answer = await fetch(`${GOVULNDB}/index/db.json`, { signal }).catch(() => undefined)
  return answer?.ok ?? false
}

async function choosePgBouncer() {
  const path = await providePgBouncer()
  if (!path) return 'but NOTHING IS TESTED BEHIND ONE: there is none, and none could be installed'
  process.env.SANA_PGBOUNCER = path
  return path
}

async function chooseProxies() {
  const missing = await provideProxies()
  if (missing.length > 0)
    return `but NOTHING IS TESTED BEHIND ${missing.join(' AND ')}: it is not there, and could not be installed`
  return 'both; npm run proxies tests behind Traefik'
}

/** TestOps_SystemdUnitIsValidAndHardened needs it, and is skipped without it. */
function findSystemdAnalyze() {
  if (spawnSync('systemd-analyze', ['--version']).status === 0) return
  return 'but NOTHING WAS CHECKED of ops/sana.service: this machine has no systemd-analyze'
}

/** The tests in their short form, without the slow packages and without the race detector. */
async function testGoQuickly() {
  await go([...goTest, '-short', ...(await packagesBut([chaos, ...slow]))])
}

/**
 * @param {string[]} apart
 * @returns {Promise<string[]>} all other packages; first the one that takes longest
 */
async function packagesBut(apart) {
  const packages = (await mustRun('go list', 'go', ['list', ...goPackages])).trim().split('\n')
  return [longest, ...packages.filter((name) => name !== longest && !apart.includes(name))]
}

async function testGo() {
  const compiler = await provideCompiler()
  // These are not debugged: the compiler need not describe every variable. In the environment it
  // holds for what tests build, too.
  const flags = `${process.env.GOFLAGS ?? ''} -gcflags=all=-dwarf=false`.trim()
  const env = {
    ...process.env,
    GOFLAGS: flags,
    ...(compiler ? { CC: compiler, CGO_ENABLED: '1' } : {}),
  }
  const race = compiler ? ['-race'] : []
  const raced = await packagesBut([chaos, ...unraced])
  await mustRun('go build', 'go', ['build', ...race, ...raced], { env: { ...env, ...reading } })
  await mustRun('go test', 'go', [...goTest, ...race, ...raced], { env })
  return compiler
    ? undefined
    : 'but WITHOUT THE RACE DETECTOR, which needs a C compiler such as gcc'
}

/** @param {string[]} options for Playwright */
async function testStates(options) {
  const states = await buildWorkbench()
  const { url, close } = await serveWorkbench()
  process.env.SANA_WORKBENCH = url
  process.env.SANA_STATES = JSON.stringify(states)
  try {
    return await node(tools.playwright, 'test', '--project=states', ...options)
  } finally {
    close()
  }
}

async function chooseChromium() {
  process.env.SANA_CHROMIUM = await provideChromium()
  return process.env.SANA_CHROMIUM
}

await runMain(main)
