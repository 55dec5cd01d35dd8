// An nginx and a Caddy for the tests behind them: the machine's own, or the system's packages.
import { spawnSync } from 'node:child_process'
import { canInstallPackages, installPackages } from './system-packages.mjs'

/** The variables of the tests, and the arguments that print the version. */
const proxies = [
  { variable: 'SANA_NGINX', name: 'nginx', paths: ['nginx', '/usr/sbin/nginx'], asked: '-v' },
  { variable: 'SANA_CADDY', name: 'caddy', paths: ['caddy', '/usr/bin/caddy'], asked: 'version' },
]

/**
 * Puts the paths of both into the environment of the tests, and installs what is missing where that
 * can be done.
 * @returns {Promise<string[]>} the names of those that cannot be had
 */
export async function provideProxies() {
  const missing = missingProxies()
  if (missing.length > 0 && canInstallPackages()) await installPackages(...missing)
  for (const proxy of proxies) process.env[proxy.variable] = find(proxy) ?? ''
  return proxies.filter((proxy) => !process.env[proxy.variable]).map(({ name }) => name)
}

/** @returns {string[]} the packages of the system that are to be had for them */
export function missingProxies() {
  return proxies.filter((proxy) => !find(proxy)).map(({ name }) => name)
}

/** @param {{ paths: string[], asked: string }} proxy */
function find({ paths, asked }) {
  return paths.find((path) => spawnSync(path, [asked]).status === 0)
}
