import { hasText, type Key, text } from '../i18n/text'
import { type Problem, Refused, type Trouble } from './http'

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
export function inWords(trouble: Trouble): string {
  if (trouble instanceof Refused) return refusalInWords(trouble.problem)
  return text(navigator.onLine ? 'trouble.unreachable' : 'trouble.offline')
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
export function reference(trouble: Trouble): string | undefined {
  return trouble instanceof Refused && trouble.problem.status >= 500
    ? trouble.problem.request_id
    : undefined
}

/**
 * For a reached limit: the milliseconds until it allows another attempt; 0 once they have passed.
 */
export function timeToWait(trouble: Trouble | undefined): number | undefined {
  if (!(trouble instanceof Refused) || trouble.problem.status !== 429) return undefined
  const { retry_after: seconds } = trouble.problem
  if (seconds === undefined) return undefined
  return Math.max(0, seconds * 1000 - (performance.now() - trouble.receivedAt))
}
