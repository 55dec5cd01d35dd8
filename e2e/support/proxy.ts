// A round-robin load balancer: consecutive requests reach different instances, so that no test can
// rely on state in the memory of one instance.
import { once } from 'node:events'
import {
  createServer,
  type IncomingMessage,
  request,
  type Server,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Proxied {
  call: string
  instance: number
}

export class RoundRobinProxy {
  /** All requests and their instances, in order. */
  readonly requests: Proxied[] = []
  /** Selects the instance of a request; undefined selects round robin. */
  instanceFor: ((path: string) => number) | undefined
  readonly #instances: string[] = []
  readonly #server: Server
  /**
   * Writes rotate over the instances, and so do the reads of each path: the second request of a
   * kind reaches another instance than the first.
   */
  readonly #turns = new Map<string, number>()

  private constructor() {
    this.#server = createServer((incoming, outgoing) => this.#forward(incoming, outgoing))
  }

  static async start(): Promise<RoundRobinProxy> {
    const proxy = new RoundRobinProxy()
    proxy.#server.listen(0, '127.0.0.1')
    await once(proxy.#server, 'listening')
    return proxy
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  add(instance: string): void {
    this.#instances.push(instance)
  }

  instanceOf(call: string): number | undefined {
    return this.requests.find((request) => request.call === call)?.instance
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const path = incoming.url ?? ''
    const instance =
      this.instanceFor?.(path) ?? this.#turnOf(incoming.method === 'GET' ? path : 'write')
    this.requests.push({ call: `${incoming.method} ${incoming.url}`, instance })
    const headers = { ...incoming.headers, 'x-forwarded-for': incoming.socket.remoteAddress }
    const onward = request(`${this.#instances[instance]}${incoming.url}`, {
      method: incoming.method,
      headers,
    })
    onward.on('response', (response) => {
      outgoing.writeHead(response.statusCode ?? 502, response.headers)
      response.pipe(outgoing)
    })
    onward.on('error', () => outgoing.writeHead(502).end())
    incoming.pipe(onward)
  }

  #turnOf(kind: string): number {
    const turn = this.#turns.get(kind) ?? 0
    this.#turns.set(kind, turn + 1)
    return turn % this.#instances.length
  }

  async close(): Promise<void> {
    this.#server.close()
    this.#server.closeAllConnections()
    await once(this.#server, 'close')
  }
}
