import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { refusalOnArrival } from './arrival'
import { type Answer, type GetPath, get, Refused, type Trouble } from './http'
import { untilAnswered } from './retry'

/**
 * What is known of a thing on the server. `trouble` is set while the server is asked again by itself: what was read
 * before stays. `receivedAt` is performance.now() at the answer, to count on from the server's own time.
 */
export type Read<T> =
  | { state: 'loading'; trouble?: Trouble }
  | { state: 'ready'; value: T; receivedAt: number; trouble?: Trouble }
  | { state: 'refused'; refusal: Refused; trouble?: Trouble }

/** Reads `path` now, and again whenever the person comes back to the page or the network comes back. */
export function useRead<Path extends GetPath>(path: Path) {
  const [read, setRead] = useState<Read<Answer<Path>>>({ state: 'loading' })
  const running = useRef<AbortController>(undefined)

  const reload = useCallback(() => {
    running.current?.abort()
    const known = path === '/api/auth/session' ? refusalOnArrival() : undefined
    if (known) return setRead({ state: 'refused', refusal: known })
    const controller = new AbortController()
    const { signal } = controller
    running.current = controller
    untilAnswered(
      (signal) => get(path, signal),
      (trouble) => setRead((last) => ({ ...last, trouble })),
      signal,
    ).then(
      (value) => setRead({ state: 'ready', value, receivedAt: performance.now() }),
      (error) => {
        if (error instanceof Refused) setRead({ state: 'refused', refusal: error })
        else if (!signal.aborted) throw error
      },
    )
  }, [path])

  /** Takes the answer of a write to the same thing; a read under way would bring an older one. */
  const put = useCallback((value: Answer<Path>) => {
    running.current?.abort()
    setRead({ state: 'ready', value, receivedAt: performance.now() })
  }, [])

  /** Forgets what was read, at once, and reads anew. */
  const reset = useCallback(() => {
    setRead({ state: 'loading' })
    reload()
  }, [reload])

  useEffect(() => {
    const whenVisible = () => {
      if (document.visibilityState === 'visible') reload()
    }
    reload()
    document.addEventListener('visibilitychange', whenVisible)
    addEventListener('online', reload)
    return () => {
      document.removeEventListener('visibilitychange', whenVisible)
      removeEventListener('online', reload)
      running.current?.abort()
    }
  }, [reload])

  return { read, reload, put, reset }
}
