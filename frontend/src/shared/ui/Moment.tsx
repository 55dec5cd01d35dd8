import { locale, text } from '../i18n/text'

export function clockTime(at: Date): string {
  return at.toLocaleTimeString(locale(), { timeStyle: 'short' })
}

/** "14 March 2026 at 14:05". */
export function calendarTime(at: Date): string {
  return at.toLocaleString(locale(), { dateStyle: 'long', timeStyle: 'short' })
}

const forms = {
  calendar: calendarTime,
  clock: clockTime,
  /** "today, 14:05", "yesterday, 14:05", "14 March 2026 at 14:05". */
  day: (at: Date) => {
    const day = dayInWords(at)
    return day ? text('moment.day', { day, time: clockTime(at) }) : calendarTime(at)
  },
}

/** "today" or "yesterday", by the user's calendar; undefined for other days. */
export function dayInWords(at: Date): string | undefined {
  const ago = dayNumber(new Date()) - dayNumber(at)
  if (ago !== 0 && ago !== 1) return undefined
  return new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' }).format(-ago, 'day')
}

/** Whether a time is today in the user's calendar. */
export function isToday(at: Date): boolean {
  return dayNumber(at) === dayNumber(new Date())
}

/** Counts the days of the user's calendar, which are not all 24 hours long. */
function dayNumber(at: Date): number {
  return Date.UTC(at.getFullYear(), at.getMonth(), at.getDate()) / 86_400_000
}

interface Props {
  at: Date
  show: keyof typeof forms
}

/** A time in the user's time zone, in the format of the page's language. */
export function Moment({ at, show }: Props) {
  const words = forms[show](at)
  // Replaced as a whole, as Changing does.
  return (
    <time key={words} dateTime={at.toISOString()}>
      {words}
    </time>
  )
}
