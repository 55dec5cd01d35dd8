import { useEffect, useRef, useState } from 'preact/hooks'
import type { PendingCode } from '../api/http'

/** The answer, and performance.now() when it came. The person's clock may be wrong; how long it runs is not. */
export interface Received {
  pending: PendingCode
  receivedAt: number
}

/** How long it is until one of the answer's own times; negative when it has passed. */
export function millisecondsUntil(time: string, { pending, receivedAt }: Received): number {
  return Date.parse(time) - Date.parse(pending.now) - (performance.now() - receivedAt)
}

/** Whole seconds until one of the answer's own times, by the server's clock; counts down to 0 by itself. */
export function useSecondsUntil(time: string, received: Received): number {
  const [, tick] = useState(0)
  const left = Math.max(0, millisecondsUntil(time, received))
  useEffect(() => {
    if (left === 0) return
    const timer = setTimeout(() => tick((count) => count + 1), left % 1000 || 1000)
    return () => clearTimeout(timer)
  }, [left])
  return Math.ceil(left / 1000)
}

/** Whether one of the answer's own times has passed; notices by itself when it does. */
export function usePassed(time: string, received: Received): boolean {
  const [, notice] = useState(0)
  const left = Math.max(0, millisecondsUntil(time, received))
  useEffect(() => {
    if (left === 0) return
    const timer = setTimeout(() => notice((count) => count + 1), left)
    return () => clearTimeout(timer)
  }, [left])
  return left === 0
}

/**
 * One of the answer's own times, as the person's own clock will show it. Later answers that name the same time do not
 * change it: they take longer or shorter to come, and what is on the page would jump by a minute.
 */
export function useOnThisClock(time: string, received: Received): Date {
  const kept = useRef<{ time: string; at: Date }>(undefined)
  if (kept.current?.time !== time) {
    kept.current = { time, at: new Date(Date.now() + millisecondsUntil(time, received)) }
  }
  return kept.current.at
}
