// A round-robin load balancer: consecutive requests reach different instances, so that no test can
// rely on state in the memory of one instance.
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { forward, LocalProxy } from './local-proxy'

export interface Proxied {
  call: string
  instance: number
}

export class RoundRobinProxy extends LocalProxy {
  /** All requests and their instances, in order. */
  readonly requests: Proxied[] = []
  /** Selects the instance of a request; undefined selects round robin. */
  instanceFor: ((path: string) => number) | undefined
  readonly #instances: string[] = []
  /**
   * Writes rotate over the instances, and so do the reads of each path: the second request of a
   * kind reaches another instance than the first.
   */
  readonly #turns = new Map<string, number>()

  get url(): string {
    return `http://127.0.0.1:${this.port}`
  }

  add(instance: string): void {
    this.#instances.push(instance)
  }

  instanceOf(call: string): number | undefined {
    return this.requests.find((request) => request.call === call)?.instance
  }

  protected handle(
    incoming: IncomingMessage,
    headers: IncomingHttpHeaders,
    outgoing: ServerResponse,
  ): void {
    const { url = '', method } = incoming
    const instance = this.instanceFor?.(url) ?? this.#turnOf(method === 'GET' ? url : 'write')
    this.requests.push({ call: `${method} ${url}`, instance })
    incoming.pipe(forward(`${this.#instances[instance]}${url}`, method, headers, outgoing))
  }

  #turnOf(kind: string): number {
    const turn = this.#turns.get(kind) ?? 0
    this.#turns.set(kind, turn + 1)
    return turn % this.#instances.length
  }
}
