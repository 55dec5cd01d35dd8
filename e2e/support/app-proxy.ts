// A reverse proxy in front of Sana and of one app, which sends the gate a request before each
// request of the app ("forward-auth"). Browsers resolve names below localhost themselves.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { forward, LocalProxy } from './local-proxy'
import type { Server } from './server'

export class AppProxy extends LocalProxy {
  #sana: Server | undefined

  get appHost(): string {
    return `wiki.localhost:${this.port}`
  }

  get sanaUrl(): string {
    return `http://localhost:${this.port}`
  }

  serve(sana: Server): void {
    this.#sana = sana
  }

  protected handle(
    incoming: IncomingMessage,
    headers: IncomingHttpHeaders,
    outgoing: ServerResponse,
  ): void {
    const { url = '', method } = incoming
    if (headers.host !== this.appHost || url.startsWith('/_sana/')) {
      incoming.pipe(forward(`${this.#sana?.url}${url}`, method, headers, outgoing))
      return
    }
    const authorization = {
      ...headers,
      host: 'gate',
      'x-forwarded-host': headers.host,
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
}
