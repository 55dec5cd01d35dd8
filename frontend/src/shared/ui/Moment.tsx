// The page is in English, so its times are too, in the manner of the person's own English where they have one.
const locale = navigator.languages.find((language) => /^en\b/i.test(language)) ?? 'en-GB'
const clock = new Intl.DateTimeFormat(locale, { timeStyle: 'short' })
const calendar = new Intl.DateTimeFormat(locale, { dateStyle: 'long', timeStyle: 'short' })

interface Props {
  at: Date
  show: 'clock' | 'calendar'
}

/** A moment in the person's own time zone. */
export function Moment({ at, show }: Props) {
  return <time dateTime={at.toISOString()}>{(show === 'clock' ? clock : calendar).format(at)}</time>
}
