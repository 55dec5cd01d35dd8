// Tools of the system for `npm run bench`: wrk, which makes the load, and Flask with gunicorn, one
// of the peers.
import { spawnSync } from 'node:child_process'
import { Problem } from './problem.mjs'
import { canInstallPackages, installPackages } from './system-packages.mjs'

/** Makes sure that wrk is there, installed if it was not. */
export async function provideWrk() {
  // It has no option that succeeds: with --version it prints its version and the usage.
  const isThere = () => spawnSync('wrk', ['--version']).error === undefined
  if (isThere()) return
  const reason = canInstallPackages() ? await installPackages('wrk') : 'this is not root on Debian'
  if (isThere()) return
  throw new Problem(
    `There is no wrk (https://github.com/wg/wrk), and none could be installed: ${reason}. Install one by hand.`,
  )
}

/**
 * Debian's gunicorn and Flask, which belong to each other.
 * @returns {Promise<{ path: string } | { missing: string }>}
 */
export async function provideGunicorn() {
  const path = '/usr/bin/gunicorn'
  const isThere = () =>
    spawnSync(path, ['--version']).status === 0 &&
    spawnSync('/usr/bin/python3', ['-c', 'import flask, gunicorn']).status === 0
  if (isThere()) return { path }
  if (!canInstallPackages()) return { missing: "Debian's python3-flask and gunicorn are not there" }
  const reason = await installPackages('python3-flask', 'gunicorn')
  return isThere()
    ? { path }
    : { missing: `python3-flask and gunicorn could not be installed: ${reason}` }
}

/** @returns {string} how large the container image is, where one was built under the name sana */
export function imageSize() {
  const size = spawnSync('docker', ['image', 'inspect', '--format', '{{.Size}}', 'sana'], {
    encoding: 'utf8',
  })
  if (size.status === 0) return `${(Number(size.stdout) / 1e6).toFixed(1)} MB (docker)`
  const images = spawnSync('buildah', ['images', '--format', '{{.Size}}', 'localhost/sana'], {
    encoding: 'utf8',
  })
  if (images.status === 0 && images.stdout.trim())
    return `${images.stdout.trim().split('\n')[0]} (buildah)`
  return 'NOT MEASURED: there is no image named sana; docker build -t sana . makes one'
}
