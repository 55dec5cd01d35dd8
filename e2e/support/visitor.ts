// A visitor without a browser, who signs in over HTTP and stores the cookies.
import { randomUUID } from 'node:crypto'
import { readCode } from './mail'

export class Visitor {
  readonly #cookies = new Map<string, string>()

  /** A unique address: the same address gets another code only after a minute. */
  readonly address = `mary-${randomUUID()}@example.org`

  constructor(private readonly url: string) {}

  async signIn(): Promise<void> {
    // Each 401 sets the browser token.
    await this.whoAmI()
    await this.#call('POST', '/api/auth/code', { email: this.address })
    const { code } = await readCode(this.url, this.address)
    await this.#call('POST', '/api/auth/verify', { code })
  }

  /** The address that this visitor is signed in with, if any. */
  async whoAmI(): Promise<string | undefined> {
    const answer = await this.#call('GET', '/api/auth/session')
    return answer.ok ? (await answer.json()).user.email : undefined
  }

  async #call(method: string, path: string, body?: object): Promise<Response> {
    const cookies = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const headers = { Cookie: cookies, Origin: this.url, 'Content-Type': 'application/json' }
    const answer = await fetch(`${this.url}${path}`, {
      method,
      headers,
      ...(body && { body: JSON.stringify(body) }),
    })
    if (!answer.ok && method !== 'GET') throw new Error(`${method} ${path}: ${answer.status}`)
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      this.#cookies.set(name, value)
    }
    return answer
  }
}
