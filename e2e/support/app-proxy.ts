// A reverse proxy in front of Sana and of one app, which asks the gate before each request of the
// app ("forward-auth"). Browsers resolve names below localhost themselves.
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
  readonly #listener = createServer((incoming, outgoing) => this.#pass(incoming, outgoing))
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

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { url = '', method = '', headers } = incoming
    const { host = '' } = headers
    const sent = { ...headers, 'x-forwarded-for': incoming.socket.remoteAddress }
    if (host !== this.appHost || url.startsWith('/_sana/')) {
      const onward = forward(`${this.#sana?.url}${url}`, method, sent, outgoing)
      incoming.pipe(onward)
      return
    }
    const asked = {
      ...sent,
      host: 'gate',
      'x-forwarded-host': host,
      'x-forwarded-uri': url,
      'x-forwarded-method': method,
      'x-forwarded-proto': 'http',
    }
    forward(`${this.#sana?.gateUrl}/gate/forward/wiki`, 'GET', asked, outgoing, (answer) => {
      const user = answer.headers['remote-user']
      outgoing
        .writeHead(200, { 'Content-Type': 'text/html' })
        .end(`<!doctype html><h1>Wiki of ${user}</h1>`)
      answer.resume()
    }).end()
  }

  async close(): Promise<void> {
    this.#listener.close()
    this.#listener.closeAllConnections()
    await once(this.#listener, 'close')
  }
}

/** Sends a request on and passes the answer back; one of 200 goes to `allowed` if that is given. */
function forward(
  url: string,
  method: string,
  headers: IncomingHttpHeaders,
  outgoing: ServerResponse,
  allowed?: (answer: IncomingMessage) => void,
) {
  const onward = request(url, { method, headers })
  onward.on('response', (answer) => {
    if (allowed && answer.statusCode === 200) return allowed(answer)
    outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
    answer.pipe(outgoing)
  })
  onward.on('error', () => outgoing.writeHead(502).end())
  return onward
}
