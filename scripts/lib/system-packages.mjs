// Installs packages of the system for the tests: as root on Debian and its derivatives.
import { spawnSync } from 'node:child_process'
import { run } from './processes.mjs'

/** Whether packages can be installed here without a prompt. */
export function canInstallPackages() {
  return process.getuid?.() === 0 && spawnSync('apt-get', ['--version']).status === 0
}

/**
 * @param {string[]} names
 * @returns {Promise<string>} the last output of apt-get, for an error
 */
export async function installPackages(...names) {
  console.log(`Installing missing packages with apt-get: ${names.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await run('apt-get', ['update'], { env })
  const { output } = await run('apt-get', ['install', '-y', '--no-install-recommends', ...names], {
    env,
  })
  return output.trimEnd().split('\n').at(-1) ?? ''
}
