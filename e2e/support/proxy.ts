// A load balancer that sends every request to another instance than the one before, so that state
// in an instance's memory cannot be relied on.
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
  /** Every request and the instance that answered it. */
  readonly seen: Proxied[] = []
  /** The instance of a request, if they do not take turns. */
  instanceFor: ((path: string) => number) | undefined
  readonly #instances: string[] = []
  readonly #server: Server
  /**
   * Writes take turns, and so do the reads of each path: the second request of a kind reaches
   * another instance than the first.
   */
  readonly #turns = new Map<string, number>()

  private constructor() {
    this.#server = createServer((incoming, outgoing) => this.#pass(incoming, outgoing))
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
    return this.seen.find((request) => request.call === call)?.instance
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const path = incoming.url ?? ''
    const instance =
      this.instanceFor?.(path) ?? this.#turnOf(incoming.method === 'GET' ? path : 'write')
    this.seen.push({ call: `${incoming.method} ${incoming.url}`, instance })
    const headers = { ...incoming.headers, 'x-forwarded-for': incoming.socket.remoteAddress }
    const onward = request(`${this.#instances[instance]}${incoming.url}`, {
      method: incoming.method,
      headers,
    })
    onward.on('response', (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(outgoing)
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
