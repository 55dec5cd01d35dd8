import { useEffect, useRef, useState } from 'preact/hooks'
import { isRequestError, type Problem, Refused, type RequestError, refusalOfFault } from './http'

/** The refusals that a form handles itself, by code; every other one becomes its `requestError`. */
export type Refusals = Partial<Record<Problem['code'], (problem: Problem) => void>>

export interface Writing {
  busy: boolean
  /** The error of the last call; while `busy`, the call is being repeated. */
  requestError: RequestError | undefined
  /** Makes the call, unless another one is in flight. */
  write: <T>(
    call: () => Promise<T>,
    done: (answer: T) => void,
    refusals?: Refusals,
  ) => Promise<void>
}

/** Makes a call with its own retries, as repeatUntilAnswered does for an idempotent one. */
export type Attempt = <T>(
  call: () => Promise<T>,
  onError: (requestError: RequestError) => void,
  signal: AbortSignal,
) => Promise<T>

const once: Attempt = (call) => call()

/**
 * One write at a time, not repeated unless `attempt` does: after a failure the user tries again.
 */
export function useWrite(attempt = once): Writing {
  const [busy, setBusy] = useState(false)
  const [requestError, setRequestError] = useState<RequestError>()
  const running = useRef(false)
  const [unmounted] = useState(() => new AbortController())
  useEffect(() => () => unmounted.abort(), [unmounted])

  function fail(error: unknown, refusals: Refusals) {
    if (error === unmounted.signal.reason) return
    const requestError = isRequestError(error) ? error : refusalOfFault(error)
    setRequestError(isHandled(requestError, refusals) ? undefined : requestError)
  }

  async function write<T>(
    call: () => Promise<T>,
    done: (answer: T) => void,
    refusals: Refusals = {},
  ) {
    if (running.current) return
    running.current = true
    setBusy(true)
    setRequestError(undefined)
    try {
      const answer = await attempt(call, setRequestError, unmounted.signal)
      setRequestError(undefined)
      done(answer)
    } catch (error) {
      fail(error, refusals)
    } finally {
      running.current = false
      setBusy(false)
    }
  }

  return { busy, requestError, write }
}

function isHandled(requestError: RequestError, refusals: Refusals): boolean {
  if (!(requestError instanceof Refused)) return false
  const answer = refusals[requestError.problem.code]
  answer?.(requestError.problem)
  return answer !== undefined
}
