import { Refused, type Trouble } from './http'

/** What happened, in a sentence for people: the server's own where it gave one. */
export function inWords(trouble: Trouble): string {
  if (trouble instanceof Refused) return trouble.problem.detail
  return navigator.onLine ? 'Sana cannot be reached right now.' : 'You seem to be offline.'
}

/** What to quote when asking for help, for faults that are the server's. */
export function reference(trouble: Trouble): string | undefined {
  return trouble instanceof Refused && trouble.problem.status >= 500 ? trouble.problem.request_id : undefined
}

/** For a limit that was reached: the seconds until it lets through again, and which answer said so. */
export function timeToWait(trouble: Trouble): { answer: string; seconds: number } | undefined {
  if (!(trouble instanceof Refused) || trouble.problem.status !== 429) return undefined
  const { request_id: answer, retry_after: seconds } = trouble.problem
  return seconds === undefined ? undefined : { answer, seconds }
}
