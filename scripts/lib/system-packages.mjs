// Finds programs of the system for the tests, and installs missing ones: as root on Debian and its
// derivatives.
import { spawnSync } from 'node:child_process'
import { run } from './processes.mjs'

/**
 * @param {string[]} paths
 * @param {string} [versionFlag]
 * @returns {string | undefined} the first one that runs
 */
export function findProgram(paths, versionFlag = '--version') {
  return paths.find((path) => spawnSync(path, [versionFlag]).status === 0)
}

/**
 * Installs packages, if that is possible without a prompt.
 * @param {string[]} names nothing happens if there are none
 * @returns {Promise<string>} the last output of apt-get, for an error; '' if it did not run
 */
export async function installMissing(names) {
  if (names.length === 0 || process.getuid?.() !== 0 || !findProgram(['apt-get'])) return ''
  console.log(`Installing missing packages with apt-get: ${names.join(' ')}`)
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
  await run('apt-get', ['update'], { env })
  const { output } = await run('apt-get', ['install', '-y', '--no-install-recommends', ...names], {
    env,
  })
  return output.trimEnd().split('\n').at(-1) ?? ''
}
