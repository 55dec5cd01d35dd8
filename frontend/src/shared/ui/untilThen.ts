import { text } from '../i18n/text'
import { asTimer } from './asTimer'
import { clockTime, isToday } from './Moment'

/** The number of seconds from which on the time of day is clearer than a timer. */
export const long = 3600

/**
 * The time until something: a timer, or the time of day if it is long. `key` has a text for each
 * form.
 */
export function untilThen(key: 'error.again' | 'resend.available', seconds: number): string {
  if (seconds < long) return text(`${key}In`, { timer: asTimer(seconds) })
  // Rounded up to the next full minute, so that the time is never too early.
  const then = new Date(Math.ceil((Date.now() + seconds * 1000) / 60_000) * 60_000)
  return text(`${key}${isToday(then) ? 'At' : 'Tomorrow'}`, { time: clockTime(then) })
}
