// A reverse proxy on a free port of this machine.
import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

export abstract class LocalProxy {
  readonly #server = createServer((incoming, outgoing) =>
    this.handle(
      incoming,
      { ...incoming.headers, 'x-forwarded-for': incoming.socket.remoteAddress },
      outgoing,
    ),
  )

  /** Handles a request; `headers` are those to forward. */
  protected abstract handle(
    incoming: IncomingMessage,
    headers: IncomingHttpHeaders,
    outgoing: ServerResponse,
  ): void

  async listen(): Promise<this> {
    this.#server.listen(0, '127.0.0.1')
    await once(this.#server, 'listening')
    return this
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  async close(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }
}

/** Forwards a request and its response; a response of 200 goes to `allowed` if that is set. */
export function forward(
  url: string,
  method: string | undefined,
  headers: IncomingHttpHeaders,
  outgoing: ServerResponse,
  allowed?: (response: IncomingMessage) => void,
) {
  const onward = request(url, { method, headers })
  onward.on('response', (response) => {
    if (allowed && response.statusCode === 200) return allowed(response)
    outgoing.writeHead(response.statusCode ?? 502, response.headers)
    response.pipe(outgoing)
  })
  onward.on('error', () => outgoing.writeHead(502).end())
  return onward
}
