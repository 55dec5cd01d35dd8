// A PgBouncer for the test behind one: an installed one, or the system's package.
import { findProgram, installMissing } from './system-packages.mjs'

/**
 * @returns {Promise<string | undefined>} its path, installed if there was none; undefined if that
 *   failed
 */
export async function providePgBouncer() {
  await installMissing(missingPgBouncer())
  return findPgBouncer()
}

/** @returns {string[]} the missing packages of the system */
export function missingPgBouncer() {
  return findPgBouncer() ? [] : ['pgbouncer']
}

function findPgBouncer() {
  return findProgram(['pgbouncer', '/usr/sbin/pgbouncer'])
}
