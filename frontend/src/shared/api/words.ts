import { hasText, type Key, text } from '../i18n/text'
import { type Problem, Refused, type Trouble } from './http'

type Code = Problem['code']

/** Refusals that no page of this release ever gets: there are no words of their own for them. */
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

/** What happened, in a sentence or two for people. */
export function inWords(trouble: Trouble): string {
  if (trouble instanceof Refused) return refusalInWords(trouble.problem)
  return text(navigator.onLine ? 'trouble.unreachable' : 'trouble.offline')
}

/** Why the server refused; its own English words where it is newer than this page and has a code that is not known here. */
export function refusalInWords({ code, detail }: Problem): string {
  if ((outOfStep as readonly Code[]).includes(code)) return text('problem.out_of_step')
  const key: Key = `problem.${code as Exclude<Code, (typeof outOfStep)[number]>}`
  return hasText(key) ? text(key) : detail
}

/** What to quote when asking for help, for faults that are the server's. */
export function reference(trouble: Trouble): string | undefined {
  return trouble instanceof Refused && trouble.problem.status >= 500 ? trouble.problem.request_id : undefined
}

/** For a limit that was reached: the milliseconds until it allows another try; 0 once they are over. */
export function timeToWait(trouble: Trouble | undefined): number | undefined {
  if (!(trouble instanceof Refused) || trouble.problem.status !== 429) return undefined
  const { retry_after: seconds } = trouble.problem
  if (seconds === undefined) return undefined
  return Math.max(0, seconds * 1000 - (performance.now() - trouble.receivedAt))
}
