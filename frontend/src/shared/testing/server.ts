import type {
  AccessKey,
  Account,
  AccountEvent,
  Answer,
  CodeRequest,
  CurrentSession,
  ListedSession,
  Passkey,
  PendingCode,
  Problem,
} from '../api/http'

export type Reply = Response | Promise<Response> | 'lost' | 'never'
/**
 * By "METHOD /path", with a query or for every query, or "METHOD /path/{id}" for every id.
 * Several replies are used in order, and the last one repeatedly.
 */
type Replies = Record<string, Reply | Reply[]>

/** A fake server for the page: it replaces fetch, and records the requests. */
export class FakeServer {
  replies: Replies
  readonly requests: { call: string; body: unknown; init: RequestInit }[] = []

  constructor(replies: Replies = {}) {
    // The reads of the overview; most deployments have no apps.
    this.replies = {
      'GET /api/apps': json({ apps: [] }),
      'GET /api/account': json(account),
      'GET /api/account/access-keys': json({ access_keys: [], apps: [] }),
      'GET /api/account/passkeys': json({ passkeys: [], codes_for: 'sign_in', can_restrict: true }),
      'GET /api/auth/passkey': json(passkeyRequest),
      'GET /api/account/passkeys/options': json({}),
      'GET /api/sessions': json({ complete: true, sessions: [thisSession, otherSession] }),
      'GET /api/account/events': json({ events: [event(0, 'signed_in')] }),
      ...replies,
    }
    // Aborts the pending requests of the previous test's page.
    for (const abort of pendingRequests.splice(0))
      abort(new DOMException('the page is gone', 'AbortError'))
    const respond = (path: string, init: RequestInit) => this.respond(path, init)
    globalThis.fetch = respond as typeof fetch
  }

  /** The calls so far, as "METHOD /path". */
  get calls(): string[] {
    return this.requests.map(({ call }) => call)
  }

  /** The number of calls of this method and path, with any query. */
  count(call: string): number {
    return this.calls.filter((each) => each.split('?')[0] === call).length
  }

  private respond(path: string, init: RequestInit): Promise<Response> {
    const call = `${init.method} ${path}`
    const body: unknown = typeof init.body === 'string' ? JSON.parse(init.body) : undefined
    this.requests.push({ call, body, init })
    const pattern = call in this.replies ? call : this.patternOf(call.split('?')[0] ?? call)
    const [reply, ...rest] = [this.replies[pattern] ?? []].flat()
    if (rest.length > 0) this.replies[pattern] = rest
    if (reply === undefined) throw new Error(`the test has no reply for ${call}`)
    if (reply === 'lost') return Promise.reject(new TypeError('Failed to fetch'))
    if (reply === 'never') return untilAborted(init.signal)
    const response = Promise.resolve(reply).then((each) => each.clone())
    return Promise.race([response, untilAborted(init.signal)])
  }

  private patternOf(call: string): string {
    const matches = (pattern: string) =>
      new RegExp(`^${pattern.replace(/\{\w+\}/g, '[^/]+')}$`).test(call)
    return call in this.replies ? call : (Object.keys(this.replies).find(matches) ?? call)
  }
}

const pendingRequests: ((reason: Error) => void)[] = []

function untilAborted(signal: AbortSignal | null | undefined): Promise<Response> {
  return new Promise((_, reject) => {
    pendingRequests.push(reject)
    signal?.addEventListener('abort', () => reject(signal.reason))
  })
}

export function json(body: object, status = 200): Response {
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'Content-Type': 'application/json' },
  })
}

export function html(status: number, headers: Record<string, string> = {}): Response {
  return new Response('<h1>Gateway</h1>', {
    status,
    headers: { 'Content-Type': 'text/html', ...headers },
  })
}

export function noContent(): Response {
  return new Response(null, { status: 204 })
}

export function refusal(
  status: number,
  code: Problem['code'],
  detail: string = code,
  more: Partial<Problem> = {},
): Response {
  const problem: Problem = {
    type: `urn:sana:problem:${code}`,
    title: 'No',
    status,
    code,
    detail,
    request_id: 'request-1',
    ...more,
  }
  return new Response(JSON.stringify(problem), {
    status,
    headers: { 'Content-Type': 'application/problem+json; charset=utf-8' },
  })
}

/** The server's clock, which may differ from the browser's. */
const serverNow = Date.parse('2031-05-01T12:00:00Z')

export function serverTime(seconds: number): string {
  return new Date(serverNow + seconds * 1000).toISOString()
}

export function pendingCode(change: Partial<PendingCode> = {}): PendingCode {
  return {
    id: '0c6b3a52-94c7-4a3e-8f0b-3d1c2b7a9e51',
    email: 'grace@example.org',
    purpose: 'sign_in',
    code_kind: 'digits',
    code_length: 6,
    tries_left: 5,
    now: serverTime(0),
    expires_at: serverTime(600),
    resend_at: serverTime(60),
    delivery: 'sent',
    ...change,
  }
}

/** The response to a request with a queued mail. */
export function codeRequest(code: PendingCode = pendingCode()): CodeRequest {
  const { email, now, resend_at } = code
  return { email, mail: 'queued', now, resend_at, code }
}

/** The response to a request without a queued mail; with the code that is still valid, if any. */
export function noMail(change: Partial<CodeRequest> = {}): CodeRequest {
  return {
    email: 'grace@example.org',
    mail: 'none',
    now: serverTime(0),
    resend_at: serverTime(42),
    ...change,
  }
}

export const signedIn: CurrentSession = {
  user: { id: '7b0c4a52-6f0e-4c1e-9d5c-0e6a7a3d2f10', email: 'grace@example.org' },
  session: { id: 's1', signed_in_at: '2026-03-14T09:26:00Z', expires_at: '2026-04-13T09:26:00Z' },
}

export const account: Account = {
  id: signedIn.user.id,
  email: signedIn.user.email,
  name: 'Grace',
  created_at: '2026-01-02T03:04:05Z',
}

const id = (digit: string) => digit.repeat(32)
export const thisSession: ListedSession = {
  id: id('1'),
  current: true,
  browser: 'Firefox',
  system: 'Linux',
  ip: '192.0.2.7',
  signed_in_at: signedIn.session.signed_in_at,
  last_seen_at: '2026-03-20T10:00:00Z',
  expires_at: signedIn.session.expires_at,
  apps: [],
}
export const otherSession: ListedSession = {
  ...thisSession,
  id: id('2'),
  current: false,
  browser: 'Safari',
  system: 'iOS',
  ip: '2001:db8::17',
}

export const usedKey: AccessKey = {
  id: id('a'),
  app: 'wiki',
  app_name: 'Wiki',
  name: 'Backup',
  by_operator: false,
  created_at: '2026-03-14T09:26:00Z',
  expires_at: '2026-06-12T09:26:00Z',
  last_used_at: '2026-03-20T10:00:00Z',
  last_used_ip: '2001:db8::17',
}
export const unusedKey: AccessKey = {
  ...usedKey,
  id: id('b'),
  name: 'Script',
  by_operator: true,
  last_used_ip: '',
}
delete unusedKey.last_used_at

export const passkey: Passkey = {
  id: 'cGFzc2tleQ',
  name: 'iCloud Keychain',
  synced: true,
  created_at: '2026-03-14T09:26:00Z',
  used_at: '2026-03-20T10:00:00Z',
}
export const unusedPasskey: Passkey = {
  ...passkey,
  id: 'b3RoZXI',
  name: 'YubiKey 5',
  synced: false,
}
delete unusedPasskey.used_at

const passkeyRequest: Answer<'/api/auth/passkey'> = {
  challenge: 'Y2hhbGxlbmdl',
  rpId: 'localhost',
  timeout: 300_000,
  userVerification: 'required',
  allowCredentials: [],
}

export function event(
  number: number,
  kind: AccountEvent['kind'],
  more: Partial<AccountEvent> = {},
): AccountEvent {
  const at = new Date(Date.parse('2026-03-20T10:00:00Z') - number * 3_600_000 * 9).toISOString()
  return {
    id: String(1000 - number),
    kind,
    at,
    browser: 'Firefox',
    system: 'Linux',
    ip: '192.0.2.7',
    ...more,
  }
}

export const notSignedIn = (more: Partial<Problem> = {}) =>
  refusal(401, 'not_signed_in', 'You are not signed in.', more)
export const noPendingCode = () => refusal(404, 'no_pending_code', 'No sign-in is waiting.')
export const unavailable = (more: Partial<Problem> = {}) =>
  refusal(503, 'unavailable', 'The database is unavailable.', more)
