import type { RefObject } from 'preact'
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { refusalOnArrival } from './arrival'
import { type Answer, type GetPath, get, Refused, refusalOfFault, type Trouble } from './http'
import { untilAnswered } from './retry'

/**
 * What is known of a thing on the server. `trouble` is set while the server is asked again by itself: what was read
 * before stays. `receivedAt` is performance.now() at the answer, to count on from the server's own time.
 */
export type Read<T> =
  | { state: 'loading'; trouble?: Trouble }
  | { state: 'ready'; value: T; receivedAt: number; trouble?: Trouble }
  | { state: 'refused'; refusal: Refused; trouble?: Trouble }

interface ReadOptions<T> {
  /** Which of several things to read, as `get` takes it. */
  id?: RefObject<string | undefined>
  /** What the answer of a write has said already, so that it need not be read at first. */
  start?: { value: T; receivedAt: number } | undefined
}

/** Reads `path` now, and again whenever the person comes back to the page or the network comes back. */
export function useRead<Path extends GetPath>(path: Path, { id, start }: ReadOptions<Answer<Path>> = {}) {
  const [read, setRead] = useState<Read<Answer<Path>>>(start ? { state: 'ready', ...start } : { state: 'loading' })
  const running = useRef<AbortController>(undefined)
  const isMounted = useRef(false)
  /** How many writes hold the reads back. */
  const holds = useRef(0)
  /** Whether something is to be read that has not been read yet. */
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
      (trouble) => setRead((last) => ({ ...last, trouble })),
      signal,
    ).then(
      (value) => settle({ state: 'ready', value, receivedAt: performance.now() }),
      (error) => {
        if (signal.aborted && !(error instanceof Refused)) return
        settle({ state: 'refused', refusal: error instanceof Refused ? error : refusalOfFault(error) })
      },
    )
  }, [path, id])

  /** Takes the answer of a write to the same thing; a read under way would bring an older one. */
  const put = useCallback((value: Answer<Path>) => {
    running.current?.abort()
    isDue.current = false
    setRead({ state: 'ready', value, receivedAt: performance.now() })
  }, [])

  /** Forgets what was read, at once, and reads anew. */
  const reset = useCallback(() => {
    setRead({ state: 'loading' })
    reload()
  }, [reload])

  /** Reads nothing until `release`: a write is under way whose answer matters more. */
  const hold = useCallback(() => {
    running.current?.abort()
    holds.current++
  }, [])

  /** Reads again, at once if something was to be read meanwhile. */
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
