import { createContext } from 'preact'
import { useContext, useEffect, useRef } from 'preact/hooks'
import type { CurrentSession, GetPath, Problem } from './http'
import { useRead } from './useRead'
import { type Attempt, type Refusals, useWrite, type Writing } from './useWrite'

/** The context of the pages of signed-in users. */
export interface Inside {
  /** The server's last answer about the current user. */
  current: CurrentSession | undefined
  /** The session seems to be revoked: checks it, and the reason. */
  recheck: () => void
  /**
   * The account was deleted and the session is still valid, as one in a cookie may be: signs out.
   */
  end: () => void
  /** Makes the user step up with a fresh code, then calls `goOn`; never, if the user cancels. */
  prove: (goOn: () => void) => void
}

export const InsideContext = createContext<Inside>({
  current: undefined,
  recheck: () => {},
  end: () => {},
  prove: () => {},
})

/** useRead for data of signed-in users. */
export function useAuthedRead<Path extends GetPath>(path: Path) {
  const own = useRead(path)
  const { current, recheck, end } = useContext(InsideContext)
  const { read, reload } = own
  const isOut = read.state === 'refused' && read.refusal.problem.code === 'not_signed_in'
  const isGone = isOut && isDeleted(read.refusal.problem)
  const doubted = useRef<CurrentSession>(undefined)
  useEffect(() => {
    if (isOut && doubted.current !== current) {
      // The session was checked before and is valid: two answers have crossed.
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

/**
 * useWrite for signed-in users. A call that requires a fresh sign-in is repeated after a step-up.
 */
export function useAuthedWrite(attempt?: Attempt): Writing {
  const { busy, requestError, write } = useWrite(attempt)
  const { recheck, end, prove } = useContext(InsideContext)

  function ownWrite<T>(
    call: () => Promise<T>,
    done: (answer: T) => void,
    refusals: Refusals = {},
  ): Promise<void> {
    return write(call, done, {
      not_signed_in: (problem) => (isDeleted(problem) ? end() : recheck()),
      reauthentication_required: () => prove(() => ownWrite(call, done, refusals)),
      ...refusals,
    })
  }
  return { busy, requestError, write: ownWrite }
}
