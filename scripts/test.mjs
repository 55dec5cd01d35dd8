// npm test: the tests to run before a commit. npm run test:all adds the long forms; CI runs it. See
// usage. A failed step does not stop the others.
import { spawnSync } from 'node:child_process'
import { fetchAhead, refuseToInstall } from './lib/ahead.mjs'
import { buildServer, buildSpa } from './lib/builds.mjs'
import { goChecks, webChecks } from './lib/checks.mjs'
import { provideChromium } from './lib/chromium.mjs'
import { installDependencies } from './lib/dependencies.mjs'
import {
  checkGoMod,
  checkVulnerabilities,
  goPackages,
  read,
  go as runGo,
  testGo,
  testGoFaults,
  testGoQuickly,
  testGoUnraced,
} from './lib/go-tests.mjs'
import { interrupted, listenForInterrupts } from './lib/interrupt.mjs'
import { root, tools } from './lib/paths.mjs'
import { providePgBouncer } from './lib/pgbouncer.mjs'
import { postgresBinaries } from './lib/postgres.mjs'
import { Problem, runMain } from './lib/problem.mjs'
import { mustRun, start } from './lib/processes.mjs'
import { provideProxies } from './lib/proxies.mjs'
import { buildReleasesBefore } from './lib/releases-before.mjs'
import { checkSizes } from './lib/sizes.mjs'
import { runSteps } from './lib/steps.mjs'
import { startTestPostgres } from './lib/test-postgres.mjs'
import { checkVersions } from './lib/versions.mjs'
import { buildWorkbench, serveWorkbench } from './lib/workbench.mjs'

const usage = `npm test                                checks, tests of the pages, Go packages in
                                        their short form, and one walk, in minutes
npm run test:all                        everything: also the race detector, whole programs,
                                        faults, proxies, every page in every state, every walk;
                                        CI runs it

One part of both:

npm test -- web                         the checks and tests of the pages
npm test -- go                          the checks and tests of the Go packages
npm test -- states                      every page in every state, in a browser
npm test -- e2e                         the walks through the whole program, in a browser

Further arguments are passed to the part's test runner, which runs only those tests:

npm test -- web useRead --watch         Vitest (without --watch it runs once)
npm test -- go ./backend/web -run TestX go test
npm test -- states -g "sign-in"         Playwright
npm test -- e2e e2e/sign-in.spec.ts     Playwright

--no-install, before the part, fails and lists missing packages instead of installing them.
TEST_DATABASE_URL is the URL of a superuser of a Postgres server for the tests. Without it they
start one.`

const spa = 'build of the single-page app'
const postgres = 'Postgres for the tests'
const pgBouncer = 'PgBouncer'
const proxies = 'nginx and Caddy'
const server = 'build of bin/sana'
const chromium = 'Chromium'
const parts = ['web', 'go', 'states', 'e2e']
/** The provisions without which no Go test runs. */
const neededByGoTests = [spa, postgres, pgBouncer, proxies]
/** The walk of `npm test`: a complete sign-in through all parts. */
const firstWalk = 'e2e/sign-in.spec.ts'

/**
 * A step of one or more parts. A long step runs in `npm run test:all`, or if its part alone is
 * selected; a short step replaces a long one that does not run.
 * @typedef {import('./lib/steps.mjs').Step & { parts: string[], form?: 'long' | 'short' }} PartStep
 */

/** @param {string[]} args */
async function main(args) {
  listenForInterrupts()
  const { all, install, chosen, options } = parse(args)
  if (chosen === '--help' || chosen === '-h') {
    console.log(usage)
    return 0
  }
  if (chosen !== undefined && !parts.includes(chosen))
    throw new Problem(`Unknown part: ${chosen}.\n\n${usage}`)
  checkVersions()
  if (!install) refuseToInstall()
  const fetched = fetchAhead()
  await installDependencies()
  /** @type {(() => Promise<void>)[]} */
  const cleanups = []
  try {
    if (options.length > 0 && chosen === 'web')
      return await runVisibly(process.execPath, [tools.vitest, ...vitest(options)])
    const provided = provisions(cleanups, fetched)
    if (options.length > 0 && chosen === 'go') {
      const ready = await runSteps(provided.filter(({ name }) => neededByGoTests.includes(name)))
      return ready ? await runVisibly('go', ['test', ...options]) : 1
    }
    // A selected part states or e2e runs completely.
    const long = all || chosen === 'states' || chosen === 'e2e'
    const runs = (/** @type {PartStep} */ step) =>
      step.form !== (long ? 'short' : 'long') && (!chosen || step.parts.includes(chosen))
    const rows = (/** @type {PartStep[][]} */ list) =>
      list.map((row) => row.filter(runs)).filter((row) => row.length > 0)
    const steps = [rows(checks()), ...provided.filter(runs), rows([goTests(), pageTests(options)])]
    return (await runSteps(steps)) ? 0 : 1
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
 * Runs a command interactively.
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
 * @returns {string[]} the same options, which run once unless they say otherwise
 */
function vitest(options) {
  return options.includes('--watch') ? options : ['run', ...options]
}

/** @returns {PartStep[][]} the checks of the sources, which run at the same time */
function checks() {
  return [
    ...webChecks.map((step) => [{ parts: ['web'], ...step }]),
    ...goChecks.map((step) => [{ parts: ['go'], ...step }]),
  ]
}

/**
 * Programs and builds for the tests, and the checks that compile.
 * @param {(() => Promise<void>)[]} cleanups
 * @param {Promise<void>} fetched
 * @returns {PartStep[]}
 */
function provisions(cleanups, fetched) {
  const go = ['go']
  const providePostgres = async () => {
    if (!process.env.TEST_DATABASE_URL) {
      const { url, stop } = await startTestPostgres()
      cleanups.push(stop)
      process.env.TEST_DATABASE_URL = url
    }
    process.env.SANA_POSTGRES_BIN = await postgresBinaries()
  }
  const provideReleases = async () => {
    const { dir, missing, remove } = await buildReleasesBefore()
    cleanups.push(remove)
    process.env.SANA_RELEASES_BEFORE = dir
    return missing.length > 0
      ? `but NOT ALL PREVIOUS RELEASES ARE TESTED: ${missing.join('; ')}`
      : 'built'
  }
  return [
    { parts: ['go', 'states', 'e2e'], name: 'what had to be fetched', run: () => fetched },
    { parts: go, name: 'go vet', run: () => read('vet', ...goPackages) },
    { parts: go, name: 'staticcheck', run: () => read('tool', 'staticcheck', ...goPackages) },
    { parts: go, name: 'go.mod', run: checkGoMod },
    { parts: go, name: 'go mod verify', run: () => runGo(['mod', 'verify']) },
    // It is a separate module, which no other step compiles.
    {
      parts: go,
      name: 'go vet of tools/bench',
      run: () => read('vet', '-C', 'tools/bench', './...'),
    },
    { parts: go, name: 'govulncheck', run: checkVulnerabilities },
    { parts, name: spa, run: buildSpa },
    { parts, name: 'sizes of the single-page app', needs: [spa], run: checkSizes },
    { parts: ['go', 'e2e'], name: postgres, run: providePostgres },
    { parts: go, form: 'long', name: 'the releases before this one', run: provideReleases },
    { parts: go, form: 'long', name: pgBouncer, run: choosePgBouncer },
    { parts: go, form: 'long', name: proxies, run: chooseProxies },
    { parts: go, name: 'systemd-analyze', run: findSystemdAnalyze },
    // A test inspects the built program: most of its build is then cached.
    { parts: ['go', 'e2e'], name: server, needs: [spa], run: buildServer },
    { parts: ['states', 'e2e'], name: chromium, run: chooseChromium },
  ]
}

/** @returns {PartStep[]} */
function goTests() {
  const common = { parts: ['go'], needs: [postgres] }
  return [
    { ...common, form: 'short', name: 'go test', run: testGoQuickly },
    { ...common, form: 'long', name: 'go test', run: testGo },
    { ...common, form: 'long', name: 'go test without the race detector', run: testGoUnraced },
    { ...common, form: 'long', name: 'go test of faults', run: testGoFaults },
  ]
}

/**
 * @param {string[]} options for Playwright
 * @returns {PartStep[]}
 */
function pageTests(options) {
  const walks = { parts: ['e2e'], needs: [postgres, server, chromium] }
  return [
    { parts: ['web'], name: 'Vitest', run: () => node(tools.vitest, 'run') },
    {
      parts: ['states'],
      form: 'long',
      name: 'Playwright: every state',
      needs: [chromium],
      run: () => testStates(options),
    },
    {
      ...walks,
      form: 'short',
      name: 'Playwright: one walk',
      run: () => node(tools.playwright, 'test', '--project=walks', firstWalk),
    },
    {
      ...walks,
      form: 'long',
      name: 'Playwright',
      run: () => node(tools.playwright, 'test', '--project=start', '--project=walks', ...options),
    },
  ]
}

/** @param {string[]} args */
async function node(...args) {
  return lastWords(await mustRun(args.join(' ').replace(`${root}/`, ''), process.execPath, args))
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

async function choosePgBouncer() {
  const path = await providePgBouncer()
  if (!path) return 'but NOT TESTED BEHIND PGBOUNCER: not installed'
  process.env.SANA_PGBOUNCER = path
  return path
}

async function chooseProxies() {
  const missing = await provideProxies()
  if (missing.length > 0) return `but NOT TESTED BEHIND ${missing.join(' AND ')}: not installed`
  return 'both; npm run proxies tests behind Traefik'
}

/** TestOps_SystemdUnitIsValidAndHardened needs it, and is skipped without it. */
function findSystemdAnalyze() {
  if (spawnSync('systemd-analyze', ['--version']).status === 0) return
  return 'but ops/sana.service NOT CHECKED: no systemd-analyze'
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
