import type { RefObject } from 'preact'
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { refusalOnArrival } from './arrival'
import { type Answer, type GetPath, get, Refused, type RequestError, refusalOfFault } from './http'
import { untilAnswered } from './retry'

/**
 * The state of a resource on the server. `requestError` is set while reads are retried; the last
 * value stays. `receivedAt` is performance.now() at the answer, to continue the server's clock.
 */
export type Read<T> =
  | { state: 'loading'; requestError?: RequestError }
  | { state: 'ready'; value: T; receivedAt: number; requestError?: RequestError }
  | { state: 'refused'; refusal: Refused; requestError?: RequestError }

interface ReadOptions<T> {
  /** The id of the resource, as `get` accepts it. */
  id?: RefObject<string | undefined>
  /** A value from the answer of a write, so that it need not be read at first. */
  start?: { value: T; receivedAt: number } | undefined
}

/** Reads `path` now, and again when the page becomes visible or the network comes back. */
export function useRead<Path extends GetPath>(
  path: Path,
  { id, start }: ReadOptions<Answer<Path>> = {},
) {
  const [read, setRead] = useState<Read<Answer<Path>>>(
    start ? { state: 'ready', ...start } : { state: 'loading' },
  )
  const running = useRef<AbortController>(undefined)
  const isMounted = useRef(false)
  /** The number of writes that block reads. */
  const holds = useRef(0)
  /** Whether a read is pending. */
  const isDue = useRef(start === undefined)

  const reload = useCallback(() => {
    running.current?.abort()
    isDue.current = true
    if (holds.current > 0) return
    const controller = new AbortController()
    const { signal } = controller
    running.current = controller
    const settle = (read: Read<Answer<Path>>) => {
      isDue.current = false
      setRead(read)
    }
    const refusal = path === '/api/auth/session' && refusalOnArrival()
    if (refusal) return settle({ state: 'refused', refusal })
    untilAnswered(
      (signal) => get(path, signal, id?.current),
      (requestError) => setRead((last) => ({ ...last, requestError })),
      signal,
    ).then(
      (value) => settle({ state: 'ready', value, receivedAt: performance.now() }),
      (error) => {
        if (signal.aborted && !(error instanceof Refused)) return
        settle({
          state: 'refused',
          refusal: error instanceof Refused ? error : refusalOfFault(error),
        })
      },
    )
  }, [path, id])

  /**
   * Stores the answer of a write to the same resource; a read in flight would return an older one.
   */
  const put = useCallback((value: Answer<Path>) => {
    running.current?.abort()
    isDue.current = false
    setRead({ state: 'ready', value, receivedAt: performance.now() })
  }, [])

  /** Drops the value at once, and reads again. */
  const reset = useCallback(() => {
    setRead({ state: 'loading' })
    reload()
  }, [reload])

  /** Blocks reads until `release`: a write is in flight whose answer takes precedence. */
  const hold = useCallback(() => {
    running.current?.abort()
    holds.current++
  }, [])

  /** Allows reads, and reads at once if a read was blocked. */
  const release = useCallback(() => {
    holds.current--
    if (isDue.current && isMounted.current) reload()
  }, [reload])

  useEffect(() => {
    const whenVisible = () => {
      if (document.visibilityState === 'visible') reload()
    }
    isMounted.current = true
    if (isDue.current) reload()
    document.addEventListener('visibilitychange', whenVisible)
    addEventListener('online', reload)
    return () => {
      document.removeEventListener('visibilitychange', whenVisible)
      removeEventListener('online', reload)
      running.current?.abort()
      isMounted.current = false
      isDue.current = true
    }
  }, [reload])

  return { read, reload, put, reset, hold, release }
}
