import type { PendingCode } from '../api/http'
import type { Refusals } from '../api/useWrite'

/** What a code is asked for, as calls: signing in, or something else that goes the same way. Each throws as `post` does. */
export interface Flow<Answer> {
  verify: (code: string) => Promise<Answer>
  resend: () => Promise<PendingCode>
  /** The refusals of `verify` that are answered outside the code's own steps. */
  refusals?: Refusals
}
