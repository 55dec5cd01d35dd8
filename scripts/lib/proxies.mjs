// An nginx and a Caddy for the tests behind them: installed ones, or packages of the system.
import { findProgram, installMissing } from './system-packages.mjs'

/** The variables of the tests, and the arguments that print the version. */
const proxies = [
  { variable: 'SANA_NGINX', name: 'nginx', paths: ['nginx', '/usr/sbin/nginx'], versionFlag: '-v' },
  {
    variable: 'SANA_CADDY',
    name: 'caddy',
    paths: ['caddy', '/usr/bin/caddy'],
    versionFlag: 'version',
  },
]

/**
 * Puts the paths of both into the environment of the tests, and installs missing packages if
 * possible.
 * @returns {Promise<string[]>} the names of the missing ones
 */
export async function provideProxies() {
  await installMissing(missingProxies())
  for (const { variable, paths, versionFlag } of proxies)
    process.env[variable] = findProgram(paths, versionFlag) ?? ''
  return proxies.filter(({ variable }) => !process.env[variable]).map(({ name }) => name)
}

/** @returns {string[]} the missing packages of the system */
export function missingProxies() {
  return proxies
    .filter(({ paths, versionFlag }) => !findProgram(paths, versionFlag))
    .map(({ name }) => name)
}
