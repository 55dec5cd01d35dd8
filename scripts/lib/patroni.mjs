// Patroni, etcd and the Postgres that Patroni runs, for the test of a failover: installed
// ones, or packages of the system.
import { existsSync, readdirSync } from 'node:fs'
import { findProgram, installMissing } from './system-packages.mjs'

/**
 * Puts the paths into the environment of the tests, and installs missing packages if possible.
 * @returns {Promise<string[]>} the packages that are still missing
 */
export async function providePatroni() {
  await installMissing(missing())
  const { patroni, etcd, binaries } = find()
  if (missing().length === 0) {
    Object.assign(process.env, {
      SANA_PATRONI: patroni,
      SANA_ETCD: etcd,
      SANA_PATRONI_POSTGRES_BIN: binaries,
    })
  }
  return missing()
}

function missing() {
  const { patroni, etcd, binaries } = find()
  return [
    ...(patroni ? [] : ['patroni', 'python3-psycopg2']),
    ...(etcd ? [] : ['etcd-server']),
    ...(binaries ? [] : ['postgresql']),
  ]
}

function find() {
  return {
    patroni: findProgram(['/usr/bin/patroni']),
    etcd: findProgram(['/usr/bin/etcd']),
    binaries: binaries(),
  }
}

/**
 * @returns {string | undefined} the folder with pg_rewind and pg_basebackup, which the Postgres of
 *   npm lacks
 */
function binaries() {
  const all = '/usr/lib/postgresql'
  const versions = existsSync(all) ? readdirSync(all).sort((a, b) => Number(b) - Number(a)) : []
  return versions
    .map((version) => `${all}/${version}/bin`)
    .find((dir) => existsSync(`${dir}/pg_rewind`))
}
