import { hasText, type Key, text } from '../i18n/text'
import { type Problem, Refused, type RequestError } from './http'

type Code = Problem['code']

/** Refusals that pages of this release never get: they have no texts. */
const outOfStep = [
  'invalid_request',
  'not_found',
  'method_not_allowed',
  'not_with_this_store',
  'two_passkeys_needed',
  'reauthentication_required',
  'request_too_large',
  'unsupported_media_type',
  'misdirected_request',
  'invalid_signature',
  'event_refused',
] as const satisfies readonly Code[]

/** Describes the error for users, in a sentence or two. */
export function inWords(requestError: RequestError): string {
  if (requestError instanceof Refused) return refusalInWords(requestError.problem)
  return text(navigator.onLine ? 'error.unreachable' : 'error.offline')
}

/**
 * Describes why the server refused; in the server's own English words if the code is unknown here.
 */
export function refusalInWords({ code, detail }: Problem): string {
  if ((outOfStep as readonly Code[]).includes(code)) return text('problem.out_of_step')
  const key: Key = `problem.${code as Exclude<Code, (typeof outOfStep)[number]>}`
  return hasText(key) ? text(key) : detail
}

/** The request id to quote when asking for help, for errors of the server. */
export function reference(requestError: RequestError): string | undefined {
  return requestError instanceof Refused && requestError.problem.status >= 500
    ? requestError.problem.request_id
    : undefined
}

/**
 * For a reached limit: the milliseconds until it allows another attempt; 0 once they have passed.
 */
export function timeToWait(requestError: RequestError | undefined): number | undefined {
  if (!(requestError instanceof Refused) || requestError.problem.status !== 429) return undefined
  const { retry_after: seconds } = requestError.problem
  if (seconds === undefined) return undefined
  return Math.max(0, seconds * 1000 - (performance.now() - requestError.receivedAt))
}
