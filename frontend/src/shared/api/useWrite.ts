import { useEffect, useRef, useState } from 'preact/hooks'
import { isTrouble, type Problem, Refused, refusalOfFault, type Trouble } from './http'

/** The refusals that a form handles itself, by code; every other one becomes its `trouble`. */
export type Refusals = Partial<Record<Problem['code'], (problem: Problem) => void>>

export interface Writing {
  busy: boolean
  /** The error of the last call; while `busy`, the call is being repeated. */
  trouble: Trouble | undefined
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
  onTrouble: (trouble: Trouble) => void,
  signal: AbortSignal,
) => Promise<T>

const once: Attempt = (call) => call()

/**
 * One write at a time, not repeated unless `attempt` does: after a failure the user tries again.
 */
export function useWrite(attempt = once): Writing {
  const [busy, setBusy] = useState(false)
  const [trouble, setTrouble] = useState<Trouble>()
  const running = useRef(false)
  const [unmounted] = useState(() => new AbortController())
  useEffect(() => () => unmounted.abort(), [unmounted])

  function fail(error: unknown, refusals: Refusals) {
    if (error === unmounted.signal.reason) return
    const trouble = isTrouble(error) ? error : refusalOfFault(error)
    setTrouble(isHandled(trouble, refusals) ? undefined : trouble)
  }

  async function write<T>(
    call: () => Promise<T>,
    done: (answer: T) => void,
    refusals: Refusals = {},
  ) {
    if (running.current) return
    running.current = true
    setBusy(true)
    setTrouble(undefined)
    try {
      const answer = await attempt(call, setTrouble, unmounted.signal)
      setTrouble(undefined)
      done(answer)
    } catch (error) {
      fail(error, refusals)
    } finally {
      running.current = false
      setBusy(false)
    }
  }

  return { busy, trouble, write }
}

function isHandled(trouble: Trouble, refusals: Refusals): boolean {
  if (!(trouble instanceof Refused)) return false
  const answer = refusals[trouble.problem.code]
  answer?.(trouble.problem)
  return answer !== undefined
}
