// The states of the workbench and its tests: each feature lists its pages in all their states in a
// file `*.states.ts`, which exports `states: State[]`.

import type { paths } from '../api/contract'
import { type Problem, Refused } from '../api/http'
import type { Key } from '../i18n/text'
import type { Ceremony } from './passkeys'
import { json, noContent, type Reply, refusal } from './server'

/** A page in a state: the real app at a path, with canned responses of the server. */
export interface State {
  /** A description, unique within the feature. */
  name: string
  path: string
  responses: Responses
  /** The user's actions, in order. */
  actions?: readonly Step[]
  /** A missing feature of the browser. */
  without?: 'network' | 'cookies' | 'clipboard'
  /** The result of ceremonies; without it the browser has no passkeys. */
  passkeys?: Ceremony | undefined
  /** The address that signed in on this browser before. */
  lastEmail?: string
  /** A text that is on the page when the state is reached, and not before. */
  shows: Key
}

/**
 * Fields and buttons are selected by their position on the page, from 0: their names depend on the
 * language.
 */
export type Step = (
  | { type: string; into?: number }
  | { press: number }
  /** Returns to the page from another tab. */
  | { returns: true }
) & {
  /** In a dialog, which may open late. */
  inDialog?: true
  /** A text of the step's page, if another page comes before it. */
  on?: Key
}

/**
 * By "METHOD /path" as in the contract; several responses are used in order, and the last one
 * repeatedly.
 */
export type Responses = Calls<'get'> &
  Calls<'post'> &
  Calls<'put'> &
  Calls<'patch'> &
  Calls<'delete'>

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'
type Calls<M extends Method> = {
  [Path in keyof paths as paths[Path][M] extends object ? `${Uppercase<M>} ${Path}` : never]?:
    | Canned<paths[Path][M]>
    | Canned<paths[Path][M]>[]
}
/**
 * The body of a success, `done` if it has none, a refusal, or no response: the network fails, or
 * the server never responds.
 */
type Canned<Operation> =
  | (Operation extends { responses: infer All } ? Success<All> : never)
  | Refused
  | 'lost'
  | 'never'
type Success<All> =
  | (All extends { 200: Json<infer Body> } ? Body : never)
  | (All extends { 201: Json<infer Body> } ? Body : never)
  | (All extends { 202: Json<infer Body> } ? Body : never)
  | (All extends { 204: unknown } ? 'done' : never)
interface Json<Body> {
  content: { 'application/json': Body }
}

/** A refusal of the server; its own text is shown only if the page has none. */
export function refused(
  status: number,
  code: Problem['code'],
  more: Partial<Problem> = {},
): Refused {
  const request_id = 'VN5QDLZ7T2K4H6WJ3XRM'
  return new Refused({
    type: `urn:sana:problem:${code}`,
    title: 'No',
    status,
    code,
    detail: code,
    request_id,
    ...more,
  })
}

/** The responses as replies of FakeServer. */
export function repliesOf(responses: Responses): Record<string, Reply[]> {
  const calls = Object.entries(responses).map(
    ([call, canned]) => [call, [canned].flat().map(replyOf)] as const,
  )
  return Object.fromEntries(calls)
}

function replyOf(canned: object | 'done' | 'lost' | 'never'): Reply {
  if (canned === 'done') return noContent()
  if (typeof canned === 'string') return canned as 'lost' | 'never'
  if (!(canned instanceof Refused)) return json(canned)
  const { status, code, detail, ...more } = canned.problem
  return refusal(status, code, detail, more)
}
