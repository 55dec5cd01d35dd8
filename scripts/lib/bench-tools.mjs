// Tools of the system for `npm run bench`: wrk, which generates the load, and Flask with gunicorn,
// one of the peers.
import { spawnSync } from 'node:child_process'
import { Problem } from './problem.mjs'
import { installMissing } from './system-packages.mjs'

/** Installs wrk if it is missing. */
export async function provideWrk() {
  // wrk --version exits with an error code, so only the start is checked.
  const isThere = () => spawnSync('wrk', ['--version']).error === undefined
  if (isThere()) return
  const reason = (await installMissing(['wrk'])) || 'this is not root on Debian'
  if (isThere()) return
  throw new Problem(`wrk (https://github.com/wg/wrk) is missing and was not installed: ${reason}.`)
}

/**
 * Returns Debian's gunicorn, with its Flask.
 * @returns {Promise<{ path: string } | { missing: string }>}
 */
export async function provideGunicorn() {
  const path = '/usr/bin/gunicorn'
  const isThere = () =>
    spawnSync(path, ['--version']).status === 0 &&
    spawnSync('/usr/bin/python3', ['-c', 'import flask, gunicorn']).status === 0
  if (isThere()) return { path }
  const reason = await installMissing(['python3-flask', 'gunicorn'])
  if (isThere()) return { path }
  return {
    missing: reason
      ? `python3-flask and gunicorn could not be installed: ${reason}`
      : "Debian's python3-flask and gunicorn are not installed",
  }
}

/** @returns {string} the size of the container image named sana, if there is one */
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
  return 'NOT MEASURED: no image named sana; run docker build -t sana .'
}
