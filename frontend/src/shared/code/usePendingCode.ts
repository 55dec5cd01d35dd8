import { useEffect, useRef } from 'preact/hooks'
import { pause } from '../api/retry'
import { useRead } from '../api/useRead'
import { isUnderWay } from './delivery'
import type { Received } from './received'
import { millisecondsUntil } from './useTimeLeft'

interface Start {
  /** The pending code that was shown before; without it, the newest one. */
  id?: string | undefined
  /** The pending code in the answer to a code request. */
  code?: Received | undefined
}

/**
 * A pending code, always the same one until `put` stores another. It is polled with growing
 * intervals while its delivery status may change and the code is valid. A change restarts the
 * intervals.
 */
export function usePendingCode(path: '/api/auth/code' | '/api/account/email', start: Start = {}) {
  const id = useRef(start.code?.value.id ?? start.id)
  const reading = useRead(path, { id, start: start.code })
  const { read, reload } = reading
  if (read.state === 'ready') id.current = read.value.id
  const last = useRef({ state: '', polls: 0 })
  // After an error the read retries on its own, and when the page becomes visible.
  const current = read.state === 'ready' && !read.requestError ? read : undefined

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
/** The read once there is a pending code. */
export type ReadCode = Extract<Reading['read'], { state: 'ready' }>
