import { useEffect, useRef } from 'preact/hooks'
import { pause } from '../api/retry'
import { useRead } from '../api/useRead'
import { isUnderWay } from './delivery'
import type { Received } from './received'
import { millisecondsUntil } from './useTimeLeft'

interface Start {
  /** The pending code that was shown before; without it, the newest one. */
  id?: string | undefined
  /** The pending code as a request for it was answered. */
  code?: Received | undefined
}

/**
 * A pending code, always the same one until `put` brings another. It is read again, ever less often, for as long as
 * there may be news of its mail and the code works. News begins the pauses anew.
 */
export function usePendingCode(path: '/api/auth/code' | '/api/account/email', start: Start = {}) {
  const id = useRef(start.code?.value.id ?? start.id)
  const reading = useRead(path, { id, start: start.code })
  const { read, reload } = reading
  if (read.state === 'ready') id.current = read.value.id
  const last = useRef({ state: '', polls: 0 })
  // While there is trouble the read asks again by itself; when the page comes back to sight it asks at once.
  const current = read.state === 'ready' && !read.trouble ? read : undefined

  useEffect(() => {
    if (!current) return
    const { value: pending } = current
    const state = `${pending.delivery} ${pending.delivery_reason}`
    if (last.current.state !== state) last.current = { state, polls: 0 }
    const wait = pause(last.current.polls++)
    const left = millisecondsUntil(pending.expires_at, current)
    if (!isUnderWay(pending) || pending.tries_left === 0 || wait >= left) return
    const timer = setTimeout(() => {
      if (document.visibilityState === 'visible') reload()
    }, wait)
    return () => clearTimeout(timer)
  }, [current, reload])

  return reading
}

export type Reading = ReturnType<typeof usePendingCode>
/** What was read, once there is a pending code. */
export type ReadCode = Extract<Reading['read'], { state: 'ready' }>
