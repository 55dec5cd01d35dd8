// What there is to see in the workbench, and what its tests look at: each feature lists its pages in all their states
// in a file `*.states.ts` beside them, which exports `states: State[]`.

import type { paths } from '../api/contract'
import { type Problem, Refused } from '../api/http'
import type { Key } from '../i18n/text'
import type { Ceremony } from './passkeys'
import { json, noContent, type Reply, refusal } from './server'

/** A page as it can be met: the real app at a path, with canned answers of the server. */
export interface State {
  /** What is to be seen, unique within the feature. */
  name: string
  path: string
  answers: Answers
  /** What the person does there, one after the other. */
  does?: readonly Step[]
  /** What the browser has not. */
  without?: 'network' | 'cookies' | 'clipboard'
  /** What comes of asking for a passkey; a browser knows none if it is not said. */
  passkeys?: Ceremony | undefined
  /** The address that signed in on this browser before. */
  kept?: string
  /** A text that is on the page when the state is reached, and not before. */
  shows: Key
}

/** Fields and buttons are named by their place on the page, from 0: their names differ between languages. */
export type Step = (
  | { type: string; into?: number }
  | { press: number }
  /** Comes back to the page from another tab. */
  | { comesBack: true }
) & {
  /** In a dialog, which may still have to open. */
  inDialog?: true
  /** A text of the page that the step is for, if another one comes before it. */
  on?: Key
}

/** By "METHOD /path" as the contract has it; of several answers each is given once, and the last for ever. */
export type Answers = Calls<'get'> & Calls<'post'> & Calls<'put'> & Calls<'patch'> & Calls<'delete'>

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete'
type Calls<M extends Method> = {
  [Path in keyof paths as paths[Path][M] extends object ? `${Uppercase<M>} ${Path}` : never]?:
    | Canned<paths[Path][M]>
    | Canned<paths[Path][M]>[]
}
/** The body of a success, `done` where it has none, a refusal, or no answer: the network fails, or nothing comes. */
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

/** As the server refuses; its own words are seen only where the page has none. */
export function refused(status: number, code: Problem['code'], more: Partial<Problem> = {}): Refused {
  const request_id = 'VN5QDLZ7T2K4H6WJ3XRM'
  return new Refused({ type: `urn:sana:problem:${code}`, title: 'No', status, code, detail: code, request_id, ...more })
}

/** The answers as the stand-in for the server gives them. */
export function repliesOf(answers: Answers): Record<string, Reply[]> {
  const calls = Object.entries(answers).map(([call, canned]) => [call, [canned].flat().map(replyOf)] as const)
  return Object.fromEntries(calls)
}

function replyOf(canned: object | 'done' | 'lost' | 'never'): Reply {
  if (canned === 'done') return noContent()
  if (typeof canned === 'string') return canned as 'lost' | 'never'
  if (!(canned instanceof Refused)) return json(canned)
  const { status, code, detail, ...more } = canned.problem
  return refusal(status, code, detail, more)
}
