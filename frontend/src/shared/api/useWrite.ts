import { useRef, useState } from 'preact/hooks'
import { isTrouble, type Problem, Refused, type Trouble } from './http'

/** The refusals that a form answers itself, by code; every other one becomes its `trouble`. */
export type Refusals = Partial<Record<Problem['code'], (problem: Problem) => void>>

export interface Writing {
  busy: boolean
  trouble: Trouble | undefined
  write: <T>(call: () => Promise<T>, done: (answer: T) => void, refusals?: Refusals) => Promise<void>
}

/** One write at a time, never repeated by itself: on trouble the person reads why and presses again. */
export function useWrite(): Writing {
  const [busy, setBusy] = useState(false)
  const [trouble, setTrouble] = useState<Trouble>()
  const running = useRef(false)

  async function write<T>(call: () => Promise<T>, done: (answer: T) => void, refusals: Refusals = {}) {
    if (running.current) return
    running.current = true
    setBusy(true)
    setTrouble(undefined)
    try {
      done(await call())
    } catch (error) {
      if (!isTrouble(error)) throw error
      if (!answered(error, refusals)) setTrouble(error)
    } finally {
      running.current = false
      setBusy(false)
    }
  }

  return { busy, trouble, write }
}

function answered(trouble: Trouble, refusals: Refusals): boolean {
  if (!(trouble instanceof Refused)) return false
  const answer = refusals[trouble.problem.code]
  answer?.(trouble.problem)
  return answer !== undefined
}
