// A client without a browser that signs in over HTTP and stores the cookies.
import { randomUUID } from 'node:crypto'
import { readCode } from './mail'

export class Visitor {
  readonly #cookies = new Map<string, string>()

  /** A unique address: the same address gets another code only after a minute. */
  readonly address = `mary-${randomUUID()}@example.org`

  constructor(private readonly url: string) {}

  async signIn(): Promise<void> {
    // Each 401 sets the browser token.
    await this.currentUser()
    await this.#call('POST', '/api/auth/code', { email: this.address })
    const { code } = await readCode(this.url, this.address)
    await this.#call('POST', '/api/auth/verify', { code })
  }

  /** The address of the signed-in user, if any. */
  async currentUser(): Promise<string | undefined> {
    const response = await this.#call('GET', '/api/auth/session')
    return response.ok ? (await response.json()).user.email : undefined
  }

  async #call(method: string, path: string, body?: object): Promise<Response> {
    const cookies = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { Cookie: cookies, Origin: this.url, 'Content-Type': 'application/json' }
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    })
    if (!response.ok && method !== 'GET') throw new Error(`${method} ${path}: ${response.status}`)
    for (const cookie of response.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      this.#cookies.set(name, value)
    }
    return response
  }
}
