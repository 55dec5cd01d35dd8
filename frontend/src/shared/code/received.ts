import type { CodeRequest, PendingCode } from '../api/http'

/** An answer, and performance.now() when it arrived. The person's clock may be wrong; how long it runs is not. */
export interface Received<Value = PendingCode> {
  value: Value
  receivedAt: number
}

/** The answer to a request for a code. */
export type Requested = Received<CodeRequest>

export function received<Value>(value: Value): Received<Value> {
  return { value, receivedAt: performance.now() }
}

/** The code in the answer to a request, if it has one. */
export function codeOf(requested: Requested | undefined): Received | undefined {
  const code = requested?.value.code
  return code && { value: code, receivedAt: requested.receivedAt }
}
