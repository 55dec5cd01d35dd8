// A PgBouncer for the test behind one: an installed one, or the system's package.
import { spawnSync } from 'node:child_process'
import { canInstallPackages, installPackages } from './system-packages.mjs'

/**
 * @returns {Promise<string | undefined>} its path, installed if there was none; undefined if that
 *   failed
 */
export async function providePgBouncer() {
  const missing = missingPgBouncer()
  if (missing.length > 0 && canInstallPackages()) await installPackages(...missing)
  return findPgBouncer()
}

/** @returns {string[]} the missing packages of the system */
export function missingPgBouncer() {
  return findPgBouncer() ? [] : ['pgbouncer']
}

function findPgBouncer() {
  return ['pgbouncer', '/usr/sbin/pgbouncer'].find(
    (path) => spawnSync(path, ['--version']).status === 0,
  )
}
