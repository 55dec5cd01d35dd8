// Ports of this machine.
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * An unused port, from below those that systems give to outgoing connections: among those it could
 * be gone again before it is put to use, and on a busy machine often is.
 * @returns {Promise<number>}
 */
export async function freePort() {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    if ((await faultOfListening(port)) === undefined) return port
  }
}

/**
 * Tries whether a server could listen on a port, at each address that browsers try: another server
 * on only one of them would get the requests of browsers that try that one first.
 * @param {number} port
 * @returns {Promise<'EADDRINUSE' | 'EACCES' | undefined>} what is in the way
 */
export async function faultOfListening(port) {
  for (const host of ['0.0.0.0', '127.0.0.1', '::1']) {
    const code = await tryListening(port, host)
    // Anything else is about the address, such as a machine without IPv6.
    if (code === 'EADDRINUSE' || code === 'EACCES') return code
  }
  return undefined
}

/**
 * @param {number} port
 * @param {string} host
 * @returns {Promise<string | undefined>} the error's code
 */
function tryListening(port, host) {
  return new Promise((resolve) => {
    const server = createServer().once('error', (error) =>
      resolve(/** @type {NodeJS.ErrnoException} */ (error).code),
    )
    server.listen({ port, host }, () => server.close(() => resolve(undefined)))
  })
}
