import { createContext } from 'preact'
import { useContext, useEffect, useRef } from 'preact/hooks'
import type { CurrentSession, GetPath } from './http'
import { useRead } from './useRead'
import { type Attempt, type Refusals, useWrite, type Writing } from './useWrite'

/** What the pages of whoever is signed in have in common. */
export interface Inside {
  /** What the server said last of who is signed in. */
  current: CurrentSession | undefined
  /** The server knows no session any more, it seems: finds out, and why. */
  recheck: () => void
  /** Has the person prove who they are by a fresh code, then calls `goOn`; never, where they do not want to. */
  prove: (goOn: () => void) => void
}

export const InsideContext = createContext<Inside>({ current: undefined, recheck: () => {}, prove: () => {} })

/** As useRead, for what only somebody who is signed in can read. */
export function useOwnRead<Path extends GetPath>(path: Path) {
  const own = useRead(path)
  const { current, recheck } = useContext(InsideContext)
  const { read, reload } = own
  const isOut = read.state === 'refused' && read.refusal.problem.code === 'not_signed_in'
  const doubted = useRef<CurrentSession>(undefined)
  useEffect(() => {
    if (isOut && doubted.current !== current) {
      // Asked about before, and somebody is signed in all the same: two answers have crossed each other.
      if (doubted.current) reload()
      else recheck()
    }
    doubted.current = isOut ? current : undefined
  }, [isOut, current, recheck, reload])
  return own
}

/** As useWrite, for somebody who is signed in. A call that wants a fresh sign-in is made again after that. */
export function useOwnWrite(attempt?: Attempt): Writing {
  const { busy, trouble, write } = useWrite(attempt)
  const { recheck, prove } = useContext(InsideContext)

  function ownWrite<T>(call: () => Promise<T>, done: (answer: T) => void, refusals: Refusals = {}): Promise<void> {
    return write(call, done, {
      not_signed_in: recheck,
      reauthentication_required: () => prove(() => ownWrite(call, done, refusals)),
      ...refusals,
    })
  }
  return { busy, trouble, write: ownWrite }
}
