// A reverse proxy in front of Sana and of one app, which sends the gate a request before each
// request of the app ("forward-auth"). Browsers resolve names below localhost themselves.
import { once } from 'node:events'
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Server } from './server'

export class AppProxy {
  readonly #listener = createServer((incoming, outgoing) => this.#forward(incoming, outgoing))
  #sana: Server | undefined

  static async start(): Promise<AppProxy> {
    const proxy = new AppProxy()
    proxy.#listener.listen(0, '127.0.0.1')
    await once(proxy.#listener, 'listening')
    return proxy
  }

  get appHost(): string {
    return `wiki.localhost:${this.#port}`
  }

  get sanaUrl(): string {
    return `http://localhost:${this.#port}`
  }

  get #port(): number {
    return (this.#listener.address() as AddressInfo).port
  }

  serve(sana: Server): void {
    this.#sana = sana
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { url = '', method = '', headers } = incoming
    const { host = '' } = headers
    const forwarded = { ...headers, 'x-forwarded-for': incoming.socket.remoteAddress }
    if (host !== this.appHost || url.startsWith('/_sana/')) {
      const onward = forward(`${this.#sana?.url}${url}`, method, forwarded, outgoing)
      incoming.pipe(onward)
      return
    }
    const authorization = {
      ...forwarded,
      host: 'gate',
      'x-forwarded-host': host,
      'x-forwarded-uri': url,
      'x-forwarded-method': method,
      'x-forwarded-proto': 'http',
    }
    forward(
      `${this.#sana?.gateUrl}/gate/forward/wiki`,
      'GET',
      authorization,
      outgoing,
      (response) => {
        const user = response.headers['remote-user']
        outgoing
          .writeHead(200, { 'Content-Type': 'text/html' })
          .end(`<!doctype html><h1>Wiki of ${user}</h1>`)
        response.resume()
      },
    ).end()
  }

  async close(): Promise<void> {
    this.#listener.close()
    this.#listener.closeAllConnections()
    await once(this.#listener, 'close')
  }
}

/** Forwards a request and its response; a response of 200 goes to `allowed` if that is set. */
function forward(
  url: string,
  method: string,
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
