import { text } from '../i18n/text'
import { asTimer } from './asTimer'
import { clockTime, isToday } from './Moment'

/** From so many seconds on, a timer says less than the time of day. */
export const long = 3600

/** How long it is until something: a timer, or the time of day if it is long. `key` has a text for each form. */
export function untilThen(key: 'trouble.again' | 'resend.available', seconds: number): string {
  if (seconds < long) return text(`${key}In`, { timer: asTimer(seconds) })
  // The next full minute, so that it is never said too early.
  const then = new Date(Math.ceil((Date.now() + seconds * 1000) / 60_000) * 60_000)
  return text(`${key}${isToday(then) ? 'At' : 'Tomorrow'}`, { time: clockTime(then) })
}
