// The steps of `npm test` that run go: tests, checks of the modules, and the search for known
// vulnerabilities.
import { provideCompiler } from './c-compiler.mjs'
import { Problem } from './problem.mjs'
import { mustRun, run } from './processes.mjs'

/** @typedef {{ Path: string, Indirect?: boolean }} GoModule */

export const goPackages = ['./backend/...', './frontend/...', './migrations/...']
const inBackend = (/** @type {string} */ name) => `sana/backend/${name}`
/** Packages that take minutes; they start most instances as processes. */
const slow = ['diagnose/check', 'test/drill', 'test/system'].map(inBackend)
/**
 * Packages that are tested without the race detector, with which they take several times as long.
 * The programs that they start consist of packages that other tests cover with it; the remaining
 * packages have one goroutine.
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
 * Tests spend most of their time waiting for a response, a shutdown or a database, so more of them
 * run in parallel. go vet is a separate step.
 */
const goTest = ['test', '-vet=off', '-p=3', '-parallel=6']
/**
 * For short programs that read sources: garbage collection takes a sixth of their time.
 */
const reading = { GOGC: '400' }
/** The slowest package, which must begin first so that the others run meanwhile. */
const longest = 'sana/backend/web'

/**
 * Runs go test with the build flags of bin/sana, whose build then finds everything compiled. The
 * output ends with the names of failed tests.
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
export async function go(args, env) {
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
export async function read(...args) {
  await go(args, reading)
}

/**
 * Finds unused modules in go.mod; missing ones fail every build. `go mod tidy -diff` would find
 * both, but downloads the test dependencies of indirect modules.
 */
export async function checkGoMod() {
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
  throw new Problem(`No package imports ${names.join(', ')} of go.mod: run go mod tidy.`)
}

/** Finds known vulnerabilities of called code in Go's public database, if that is reachable. */
export async function checkVulnerabilities() {
  const unchecked = 'but NOTHING WAS CHECKED: the database cannot be reached'
  if (!(await isVulnDBReachable())) return unchecked
  const { ok, output } = await run('go', ['tool', 'govulncheck', ...goPackages])
  if (ok) return undefined
  if (output.includes('fetching vulnerabilities:')) return unchecked
  throw new Problem(`${output.trimEnd()}\n\ngovulncheck found vulnerabilities, or failed.`)
}

/**
 * Checks whether the database is reachable before govulncheck is compiled. Only Go's own client
 * can use a proxy.
 */
async function isVulnDBReachable() {
  const { GOVULNDB = 'https://vuln.go.dev', HTTPS_PROXY, https_proxy } = process.env
  if (HTTPS_PROXY || https_proxy || !GOVULNDB.startsWith('http')) return true
  const signal = AbortSignal.timeout(10_000)
  const answer = await fetch(`${GOVULNDB}/index/db.json`, { signal }).catch(() => undefined)
  return answer?.ok ?? false
}

/** The tests in their short form, without the slow packages and without the race detector. */
export async function testGoQuickly() {
  await go([...goTest, '-short', ...(await packagesBut([chaos, ...slow]))])
}

/**
 * @param {string[]} apart
 * @returns {Promise<string[]>} all other packages; first the slowest one
 */
async function packagesBut(apart) {
  const packages = (await mustRun('go list', 'go', ['list', ...goPackages])).trim().split('\n')
  return [longest, ...packages.filter((name) => name !== longest && !apart.includes(name))]
}

export async function testGo() {
  const compiler = await provideCompiler()
  // No debug information: tests are not debugged. The environment passes it to builds of tests too.
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

/** The packages that take several times as long with the race detector. */
export async function testGoUnraced() {
  await go([...goTest, ...unraced])
}

/** The tests of faults, in their short form. */
export async function testGoFaults() {
  await go([...goTest, chaos])
}
