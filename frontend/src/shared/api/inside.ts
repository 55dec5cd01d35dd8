import { createContext } from 'preact'
import { useContext, useEffect, useRef } from 'preact/hooks'
import type { CurrentSession, GetPath, Problem } from './http'
import { useRead } from './useRead'
import { type Attempt, type Refusals, useWrite, type Writing } from './useWrite'

/** What the pages of whoever is signed in have in common. */
export interface Inside {
  /** What the server said last of who is signed in. */
  current: CurrentSession | undefined
  /** The server knows no session any more, it seems: finds out, and why. */
  recheck: () => void
  /** The account is gone and the session does not know it, as one in a cookie cannot: ends it. */
  end: () => void
  /** Has the person prove who they are by a fresh code, then calls `goOn`; never, where they do not want to. */
  prove: (goOn: () => void) => void
}

export const InsideContext = createContext<Inside>({
  current: undefined,
  recheck: () => {},
  end: () => {},
  prove: () => {},
})

/** As useRead, for what only somebody who is signed in can read. */
export function useOwnRead<Path extends GetPath>(path: Path) {
  const own = useRead(path)
  const { current, recheck, end } = useContext(InsideContext)
  const { read, reload } = own
  const isOut = read.state === 'refused' && read.refusal.problem.code === 'not_signed_in'
  const isGone = isOut && isDeleted(read.refusal.problem)
  const doubted = useRef<CurrentSession>(undefined)
  useEffect(() => {
    if (isOut && doubted.current !== current) {
      // Asked about before, and somebody is signed in all the same: two answers have crossed each other.
      if (!doubted.current) recheck()
      else if (isGone) end()
      else reload()
    }
    doubted.current = isOut ? current : undefined
  }, [isOut, isGone, current, recheck, end, reload])
  return own
}

/** No later answer will say that this account exists. */
function isDeleted({ signed_out }: Problem): boolean {
  return signed_out?.reason === 'account_deleted'
}

/** As useWrite, for somebody who is signed in. A call that wants a fresh sign-in is made again after that. */
export function useOwnWrite(attempt?: Attempt): Writing {
  const { busy, trouble, write } = useWrite(attempt)
  const { recheck, end, prove } = useContext(InsideContext)

  function ownWrite<T>(call: () => Promise<T>, done: (answer: T) => void, refusals: Refusals = {}): Promise<void> {
    return write(call, done, {
      not_signed_in: (problem) => (isDeleted(problem) ? end() : recheck()),
      reauthentication_required: () => prove(() => ownWrite(call, done, refusals)),
      ...refusals,
    })
  }
  return { busy, trouble, write: ownWrite }
}
