import { useEffect, useRef, useState } from 'preact/hooks'
import { useCountdown } from '../ui/useCountdown'
import type { Received } from './received'

/** The time until one of the answer's own times; negative if it has passed. */
export function millisecondsUntil(
  time: string,
  { value, receivedAt }: Received<{ now: string }>,
): number {
  return Date.parse(time) - Date.parse(value.now) - (performance.now() - receivedAt)
}

/** Whole seconds until one of the answer's own times, by the server's clock; counts down to 0. */
export function useSecondsUntil(time: string, received: Received<{ now: string }>): number {
  return useCountdown(millisecondsUntil(time, received))
}

/** Whether one of the answer's own times has passed; notices by itself when it does. */
export function usePassed(time: string, received: Received<{ now: string }>): boolean {
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
 * One of the answer's own times, by the browser's clock. Later answers with the same time do not
 * change it: their latency varies, and the shown time would jump by a minute.
 */
export function useOnThisClock(time: string, received: Received<{ now: string }>): Date {
  const kept = useRef<{ time: string; at: Date }>(undefined)
  if (kept.current?.time !== time) {
    kept.current = { time, at: new Date(Date.now() + millisecondsUntil(time, received)) }
  }
  return kept.current.at
}
