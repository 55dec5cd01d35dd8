import type { CodeRequest, PendingCode } from '../api/http'

/**
 * An answer, and performance.now() when it arrived. The browser's clock may be wrong, but it
 * measures durations correctly.
 */
export interface Received<Value = PendingCode> {
  value: Value
  receivedAt: number
}

/** The answer to a code request. */
export type Requested = Received<CodeRequest>

export function received<Value>(value: Value): Received<Value> {
  return { value, receivedAt: performance.now() }
}

/** The code in the answer to a request, if it has one. */
export function codeOf(requested: Requested | undefined): Received | undefined {
  const code = requested?.value.code
  return code && { value: code, receivedAt: requested.receivedAt }
}
