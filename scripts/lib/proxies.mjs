// An nginx and a Caddy for the tests behind them: installed ones, or packages of the system.
import { spawnSync } from 'node:child_process'
import { canInstallPackages, installPackages } from './system-packages.mjs'

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
  const missing = missingProxies()
  if (missing.length > 0 && canInstallPackages()) await installPackages(...missing)
  for (const proxy of proxies) process.env[proxy.variable] = find(proxy) ?? ''
  return proxies.filter((proxy) => !process.env[proxy.variable]).map(({ name }) => name)
}

/** @returns {string[]} the missing packages of the system */
export function missingProxies() {
  return proxies.filter((proxy) => !find(proxy)).map(({ name }) => name)
}

/** @param {{ paths: string[], versionFlag: string }} proxy */
function find({ paths, versionFlag }) {
  return paths.find((path) => spawnSync(path, [versionFlag]).status === 0)
}
