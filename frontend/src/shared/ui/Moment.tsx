// The page is in English, so its times are too, in the manner of the person's own English where they have one.
const locale = navigator.languages.find((language) => /^en\b/i.test(language)) ?? 'en-GB'
const clock = new Intl.DateTimeFormat(locale, { timeStyle: 'short' })
const calendar = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeStyle: 'short' })
const days = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' })

const forms = {
  clock: (at: Date) => clock.format(at),
  calendar: (at: Date) => calendar.format(at),
  /** To go on a sentence: "today at 14:05", "yesterday at 14:05", "on 14 March 2026 at 14:05". */
  sentence: (at: Date) => {
    const ago = dayNumber(new Date()) - dayNumber(at)
    return ago === 0 || ago === 1 ? `${days.format(-ago, 'day')} at ${clock.format(at)}` : `on ${calendar.format(at)}`
  },
}

/** Counts the days of the person's own calendar, which are not all 24 hours long. */
function dayNumber(at: Date): number {
  return Date.UTC(at.getFullYear(), at.getMonth(), at.getDate()) / 86_400_000
}

interface Props {
  at: Date
  show: keyof typeof forms
}

/** A moment in the person's own time zone. */
export function Moment({ at, show }: Props) {
  return <time dateTime={at.toISOString()}>{forms[show](at)}</time>
}
