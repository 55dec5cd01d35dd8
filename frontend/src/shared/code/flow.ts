import type { CodeRequest, PendingCode } from '../api/http'
import type { Refusals } from '../api/useWrite'

/** The calls for one purpose of a code. Each throws as `post` does; `verify` can be repeated. */
export interface Flow<Answer> {
  verify: (code: string, pending: PendingCode) => Promise<Answer>
  resend: (pending: PendingCode) => Promise<CodeRequest>
  /** The refusals of `verify` that are handled outside of the code's own steps. */
  refusals?: Refusals
}
