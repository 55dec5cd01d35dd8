// Ports of this machine.
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

/**
 * Returns an unused port below those that systems use for outgoing connections, which another
 * process could take before it is used.
 * @returns {Promise<number>}
 */
export async function freePort() {
  for (;;) {
    const port = randomInt(20_000, 32_000)
    if ((await faultOfListening(port)) === undefined) return port
  }
}

/**
 * Checks whether a server could listen on a port, at each address that browsers try: another server
 * on only one of them would get the requests of browsers that try that one first.
 * @param {number} port
 * @returns {Promise<'EADDRINUSE' | 'EACCES' | undefined>} the error
 */
export async function faultOfListening(port) {
  for (const host of ['0.0.0.0', '127.0.0.1', '::1']) {
    const code = await tryListening(port, host)
    // Other errors concern the address, such as on a machine without IPv6.
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
