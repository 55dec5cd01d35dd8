import { useEffect, useState } from 'preact/hooks'
import { text } from '../i18n/text'
import { asTimer } from './asTimer'

interface Props {
  /** As the server's answer said when it came. */
  seconds: number
}

/** How long it is until asking again can help; counts down by itself. Not announced: the words beside it are. */
export function TimeToWait({ seconds }: Props) {
  const [start] = useState(() => performance.now())
  const [, tick] = useState(0)
  const left = Math.max(0, seconds * 1000 - (performance.now() - start))
  useEffect(() => {
    if (left === 0) return
    const timer = setTimeout(() => tick((count) => count + 1), left % 1000 || 1000)
    return () => clearTimeout(timer)
  }, [left])
  return (
    <p>{left === 0 ? text('trouble.over') : text('trouble.timeLeft', { timer: asTimer(Math.ceil(left / 1000)) })}</p>
  )
}
