import { locale } from '../i18n/text'
import type { components, paths } from './contract'

export type Problem = components['schemas']['Problem']
export type SignedOut = components['schemas']['SignedOut']
export type PendingCode = components['schemas']['PendingCode']
export type CodeRequest = components['schemas']['CodeRequest']
export type Account = components['schemas']['Account']
export type ListedSession = components['schemas']['ListedSession']
export type Passkey = components['schemas']['Passkey']
export type Passkeys = components['schemas']['Passkeys']
export type Recovery = components['schemas']['Recovery']
export type AccessKey = components['schemas']['AccessKey']
export type AccountEvent = components['schemas']['AccountEvent']
export type CurrentSession = components['schemas']['CurrentSession']
export type CameFrom = components['schemas']['Arrival']
export type Destination = components['schemas']['Destination']

/** The server answered with an RFC 9457 problem. */
export class Refused extends Error {
  readonly problem: Problem
  /** performance.now() when the answer arrived, to count down from `retry_after`. */
  readonly receivedAt = performance.now()

  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
}

/**
 * No answer of Sana arrived: no network, a timeout, or another answer (a proxy's page) in its
 * place.
 */
export class Unreachable extends Error {
  /** Retry-After of the other answer, in seconds. */
  readonly retryAfter: number | undefined

  constructor(cause: unknown, retryAfter?: number) {
    super('no answer', { cause })
    this.retryAfter = retryAfter
  }
}

export type RequestError = Refused | Unreachable

/** Whether a thrown value is an outcome of a call, and not a bug of this program. */
export function isRequestError(error: unknown): error is RequestError {
  return error instanceof Refused || error instanceof Unreachable
}

/**
 * A bug of this program, in the form of a server error. It is reported to the console, and never
 * shown as a network error.
 */
export function refusalOfFault(error: unknown): Refused {
  reportError(error)
  return ownRefusal('internal_error')
}

/** A refusal by the page itself, in the form of one by the server. */
export function ownRefusal(code: Problem['code']): Refused {
  return new Refused({ code } as Problem)
}

const patience = 15_000

type Success = 200 | 201 | 202
type Json<T> = T extends { content: { 'application/json': infer Body } } ? Body : never
/** The body of a success; undefined if that is only 204. */
type AnswerOf<Op> = Op extends { responses: infer All }
  ? Success & keyof All extends never
    ? undefined
    : Json<All[Success & keyof All]>
  : never
type BodyOf<Op> = Op extends { requestBody: infer Body } ? Json<Body> : never
type PathsWith<Method extends string> = {
  [Path in keyof paths]: Method extends keyof paths[Path]
    ? paths[Path][Method] extends object
      ? Path
      : never
    : never
}[keyof paths]

export type GetPath = PathsWith<'get'>
export type Answer<Path extends GetPath> = AnswerOf<paths[Path]['get']>

/**
 * `id` is as for `del`. Throws Refused or Unreachable; when `signal` aborts, the signal's reason.
 */
export function get<Path extends GetPath>(
  path: Path,
  signal?: AbortSignal,
  id?: string,
): Promise<Answer<Path>> {
  return send('GET', withId(path, id), undefined, signal) as Promise<Answer<Path>>
}

/** The next page of events, by the `next` of the page before. Throws Refused or Unreachable. */
export function getEventsBefore(next: string): Promise<Answer<'/api/account/events'>> {
  return send('GET', `/api/account/events?before=${next}`) as Promise<Answer<'/api/account/events'>>
}

/** Throws Refused or Unreachable. */
export function post<Path extends PathsWith<'post'>>(
  path: Path,
  body: BodyOf<paths[Path]['post']>,
): Promise<AnswerOf<paths[Path]['post']>> {
  return send('POST', path, body) as Promise<AnswerOf<paths[Path]['post']>>
}

/** `id` is as for `del`. Throws Refused or Unreachable. */
export function patch<Path extends PathsWith<'patch'>>(
  path: Path,
  body: BodyOf<paths[Path]['patch']>,
  id?: string,
): Promise<AnswerOf<paths[Path]['patch']>> {
  return send('PATCH', withId(path, id), body) as Promise<AnswerOf<paths[Path]['patch']>>
}

/** Throws Refused or Unreachable. */
export function put<Path extends PathsWith<'put'>>(
  path: Path,
  body: BodyOf<paths[Path]['put']>,
): Promise<undefined> {
  return send('PUT', path, body) as Promise<undefined>
}

/**
 * `id`, encoded, replaces `{name}` of the path, or else goes into the query. Throws Refused or
 * Unreachable.
 */
export function del(
  path: PathsWith<'delete'> | '/api/sessions?access_keys=true',
  id?: string,
): Promise<undefined> {
  return send('DELETE', withId(path, id)) as Promise<undefined>
}

function withId(path: string, id: string | undefined): string {
  if (id === undefined) return path
  return path.includes('{') ? path.replace(/{.+}/, id) : `${path}?id=${id}`
}

type CodePath = {
  [Path in PathsWith<'post'>]: AnswerOf<paths[Path]['post']> extends CodeRequest ? Path : never
}[PathsWith<'post'>]

/** Posts a request for a code, as withToken makes calls. */
export function requestCode<Path extends CodePath>(
  path: Path,
  body: BodyOf<paths[Path]['post']>,
): Promise<CodeRequest> {
  return withToken(() => post(path, body) as Promise<CodeRequest>)
}

/**
 * Makes a call that wants the browser token. A browser without a token gets one with the refusal,
 * so the call is repeated once; if the repeat is refused too, the browser blocks cookies. Throws
 * Refused or Unreachable.
 */
export async function withToken<T>(ask: () => Promise<T>): Promise<T> {
  try {
    return await ask()
  } catch (error) {
    if (!isRefusal(error, 'browser_token_missing')) throw error
    return ask()
  }
}

export function isRefusal(error: unknown, code: Problem['code']): error is Refused {
  return error instanceof Refused && error.problem.code === code
}

async function send(
  method: string,
  path: string,
  body?: object,
  signal?: AbortSignal,
): Promise<unknown> {
  const timeout = AbortSignal.timeout(patience)
  const headers: Record<string, string> = {
    Accept: 'application/json, application/problem+json',
    // Mails are in the language of the requesting page.
    'Accept-Language': locale(),
    // Times in mails are in the browser's time zone.
    'UTC-Offset': `${-new Date().getTimezoneOffset()}`,
  }
  if (body) headers['Content-Type'] = 'application/json'
  // Built before the request, because an error here is a bug of this program, not a network error.
  const init: RequestInit = {
    method,
    headers,
    body: body ? JSON.stringify(body) : null,
    credentials: 'same-origin',
    cache: 'no-store',
    // The API never redirects: a redirect comes from another server.
    redirect: 'error',
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  }
  try {
    return await read(await fetch(path, init))
  } catch (error) {
    signal?.throwIfAborted()
    throw isRequestError(error) ? error : new Unreachable(error)
  }
}

async function read(response: Response): Promise<unknown> {
  if (response.status === 204) return undefined
  const type = response.headers.get('Content-Type')?.split(';')[0]?.trim()
  if (response.ok && type === 'application/json') return response.json()
  if (!response.ok && type === 'application/problem+json') {
    const problem: Partial<Problem> | null = await response.json()
    if (problem?.code && problem.status) throw new Refused(problem as Problem)
  }
  throw new Unreachable(`${response.status} ${type}`, seconds(response.headers.get('Retry-After')))
}

function seconds(header: string | null): number | undefined {
  return header && /^\d+$/.test(header) ? Number(header) : undefined
}
