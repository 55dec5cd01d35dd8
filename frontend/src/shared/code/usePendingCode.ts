import { useEffect, useRef } from 'preact/hooks'
import { pause } from '../api/retry'
import { useRead } from '../api/useRead'
import { isUnderWay } from './delivery'
import { millisecondsUntil } from './useTimeLeft'

/**
 * The pending code that `path` tells of; read again, ever less often, for as long as there may be news of its mail and the code works.
 * News begins the pauses anew.
 */
export function usePendingCode(path: '/api/auth/code' | '/api/account/email') {
  const { read, reload, put } = useRead(path)
  const heard = useRef({ state: '', polls: 0 })
  // While there is trouble the read asks again by itself; when the page comes back to sight it asks at once.
  const received = read.state === 'ready' && !read.trouble ? read : undefined

  useEffect(() => {
    if (!received) return
    const { value: pending, receivedAt } = received
    const state = `${pending.delivery} ${pending.delivery_reason}`
    if (heard.current.state !== state) heard.current = { state, polls: 0 }
    const wait = pause(heard.current.polls++)
    const left = millisecondsUntil(pending.expires_at, { pending, receivedAt })
    if (!isUnderWay(pending) || pending.tries_left === 0 || wait >= left) return
    const timer = setTimeout(() => {
      if (document.visibilityState === 'visible') reload()
    }, wait)
    return () => clearTimeout(timer)
  }, [received, reload])

  return { read, reload, put }
}
