// A person without a browser: signs in over HTTP and keeps the cookie.
import { randomUUID } from 'node:crypto'
import { readCode } from './mail'

export class Visitor {
  #cookie = ''

  /** Nobody else's: a minute has to pass before another code goes to the same address. */
  readonly address = `mary-${randomUUID()}@example.org`

  constructor(private readonly url: string) {}

  async signIn(): Promise<void> {
    await this.#call('POST', '/api/auth/code', { email: this.address })
    const { code } = await readCode(this.url, this.address)
    await this.#call('POST', '/api/auth/verify', { code })
  }

  /** The address that this visitor is signed in with, if so. */
  async whoAmI(): Promise<string | undefined> {
    const answer = await this.#call('GET', '/api/auth/session')
    return answer.ok ? (await answer.json()).user.email : undefined
  }

  async #call(method: string, path: string, body?: object): Promise<Response> {
    const headers = { Cookie: this.#cookie, Origin: this.url, 'Content-Type': 'application/json' }
    const answer = await fetch(`${this.url}${path}`, { method, headers, ...(body && { body: JSON.stringify(body) }) })
    if (!answer.ok && method !== 'GET') throw new Error(`${method} ${path}: ${answer.status}`)
    const cookie = answer.headers.getSetCookie()[0]?.split(';')[0]
    if (cookie) this.#cookie = cookie
    return answer
  }
}
