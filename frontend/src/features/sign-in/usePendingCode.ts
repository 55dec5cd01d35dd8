import { useEffect, useRef } from 'preact/hooks'
import { pause } from '../../shared/api/retry'
import { useRead } from '../../shared/api/useRead'

/** The pending sign-in; read again, ever less often, while its mail is still waiting to be sent. */
export function usePendingCode() {
  const { read, reload, put } = useRead('/api/auth/code')
  const polls = useRef(0)
  const ready = read.state === 'ready' ? read : undefined
  const queued = ready?.value.delivery === 'queued'
  // While there is trouble the read asks again by itself; when the page comes back to sight it asks at once.
  const due = queued && !ready?.trouble
  const receivedAt = ready?.receivedAt

  useEffect(() => {
    if (!queued) polls.current = 0
    if (!due || receivedAt === undefined) return
    const timer = setTimeout(
      () => {
        if (document.visibilityState === 'visible') reload()
      },
      pause(polls.current++),
    )
    return () => clearTimeout(timer)
  }, [queued, due, receivedAt, reload])

  return { read, reload, put }
}
