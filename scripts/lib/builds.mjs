// Builds the single-page app in frontend/dist, and bin/sana, which embeds it.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { withLock } from './lock.mjs'
import { binary, dataDir, root, spaDir, tools } from './paths.mjs'
import { mustRun } from './processes.mjs'

const stampFile = join(dataDir, 'spa.stamp')
const lockFile = join(dataDir, 'build.lock')

/** Builds both, each only if its sources have changed. */
export async function build() {
  await withLock(lockFile, async () => {
    await buildSpa()
    await buildServer()
  })
}

/** Builds the SPA unless frontend/dist is up to date. */
export async function buildSpa() {
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === spaStamp()) return
  console.log('Building the single-page app …')
  // The NODE_ENV of the environment must not change the kind of build.
  const env = { ...process.env, NODE_ENV: 'production' }
  await Promise.all([
    mustRun('Checking the types of the single-page app', process.execPath, [
      tools.tsc,
      '--noEmit',
      '-p',
      'tsconfig.json',
    ]),
    mustRun('Building the single-page app', process.execPath, [tools.vite, 'build'], { env }),
  ])
  mkdirSync(dirname(stampFile), { recursive: true })
  writeFileSync(stampFile, spaStamp())
}

/** Builds bin/sana. Go's own cache makes this quick when nothing has changed. */
export async function buildServer() {
  const slowNotice = setTimeout(() => console.log('Building the server …'), 1500)
  try {
    await compile('Building the server', binary, version())
  } finally {
    clearTimeout(slowNotice)
  }
}

/**
 * @param {string} doing name of the step in the error
 * @param {string} target the file to be written
 * @param {string} version version of the program
 * @param {string} [sources] the folder that go.mod is in
 * @param {NodeJS.ProcessEnv} [platform] GOOS and GOARCH, if not this machine's
 */
export async function compile(doing, target, version, sources = root, platform = {}) {
  // Without -buildvcs=false Go asks git, and fails where git does not trust the folder's owner.
  const flags = [
    '-buildvcs=false',
    '-trimpath',
    '-ldflags',
    `-s -w -X main.version=${version}`,
    '-o',
    target,
  ]
  await mustRun(doing, 'go', ['build', ...flags, './backend'], {
    cwd: sources,
    env: { ...process.env, CGO_ENABLED: '0', ...platform },
  })
}

/**
 * Builds a program of a module in tools as bin/sana is built: static, without paths of this machine
 * and without debug information.
 * @param {string} doing name of the step in the error
 * @param {string} module the folder of the module
 * @param {string} of the package
 * @param {string} target the file to be written
 * @param {string[]} [flags] further flags
 */
export async function compileTool(doing, module, of, target, flags = []) {
  const usual = ['-buildvcs=false', '-trimpath', '-ldflags', '-s -w']
  const args = ['build', '-C', module, ...usual, ...flags, '-o', target, of]
  await mustRun(doing, 'go', args, { env: { ...process.env, CGO_ENABLED: '0' } })
}

/** @returns {string} the version by git describe */
function version() {
  const { status, stdout } = spawnSync('git', ['describe', '--tags', '--always', '--dirty'], {
    cwd: root,
    encoding: 'utf8',
  })
  return status === 0 ? stdout.trim() : 'dev'
}

/** Returns a digest of all sources of the SPA and of the built files. */
function spaStamp() {
  const hash = createHash('sha256')
  const configuration = [
    'vite.config.ts',
    'tsconfig.json',
    'package-lock.json',
    'backend/web/pages.json',
  ].map((name) => join(root, name))
  for (const file of [...configuration, ...filesBelow(join(root, 'frontend'))]) {
    if (existsSync(file))
      hash
        .update(`${relative(root, file)}\0`)
        .update(readFileSync(file))
        .update('\0')
  }
  return hash.update(existsSync(join(spaDir, 'index.html')) ? 'built' : 'not built').digest('hex')
}

/**
 * @param {string} dir
 * @returns {string[]} all files in it and below, in a fixed order, without node_modules
 */
function filesBelow(dir) {
  return readdirSync(dir, { withFileTypes: true })
    .filter((entry) => entry.name !== 'node_modules')
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) =>
      entry.isDirectory() ? filesBelow(join(dir, entry.name)) : [join(dir, entry.name)],
    )
}
