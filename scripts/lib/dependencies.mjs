// The npm packages. Only Node's own modules are imported here, because this runs before anything is
// installed.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { withLock } from './lock.mjs'
import { dataDir, root } from './paths.mjs'
import { Problem } from './problem.mjs'
import { mustRun } from './processes.mjs'

/** Installs the packages of package-lock.json, if they are not installed already. */
export async function installDependencies() {
  if (!areInstalled()) await withLock(join(dataDir, 'install.lock'), install)
}

async function install() {
  // Another start in this folder may have installed them while this one waited for the lock.
  if (areInstalled()) return
  console.log('Installing npm packages …')
  // Everything here is a development dependency; NODE_ENV=production would skip all of them.
  const args = ['ci', '--include=dev', '--include=optional', '--no-audit', '--no-fund']
  await mustRun('npm ci', 'npm', args).catch((error) => {
    throw error.code === 'ENOENT'
      ? new Problem('npm is missing: install Node with npm from https://nodejs.org/.')
      : error
  })
}

/**
 * Compares package-lock.json with the list that npm writes to node_modules after an installation.
 * It does not detect changes inside a package.
 */
function areInstalled() {
  const installed = packagesIn(join(root, 'node_modules/.package-lock.json'))
  const wanted = packagesIn(join(root, 'package-lock.json'))
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true
    const found = installed[path]
    return found
      ? found.version === entry.version && found.integrity === entry.integrity
      : !isNeeded(entry)
  })
}

/**
 * @typedef {{
 *   version: string
 *   integrity?: string
 *   optional?: boolean
 *   os?: string[]
 *   cpu?: string[]
 *   libc?: string[]
 * }} Entry
 * @param {string} file
 * @returns {Record<string, Entry>}
 */
function packagesIn(file) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).packages : {}
}

/**
 * Optional packages are those for one platform; the one for this platform is needed like any other.
 * @param {Entry} entry
 */
function isNeeded({ optional, os, cpu, libc }) {
  if (!optional) return true
  return Boolean(os?.includes(process.platform) && (!cpu || cpu.includes(process.arch)) && !libc)
}
