import { locale } from '../i18n/text'

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['minute', 60],
  ['hour', 60],
  ['day', 24],
  ['month', 30],
]

/** "5 minutes ago", in the page's language; "this minute" for newer times. */
export function ago(at: Date): string {
  return relative(Date.now() - at.getTime(), (count) => -Math.floor(count))
}

/** "in 5 minutes", in the page's language; "this minute" for what is sooner. */
export function fromNow(at: Date): string {
  return relative(at.getTime() - Date.now(), Math.ceil)
}

function relative(milliseconds: number, whole: (count: number) => number): string {
  let count = Math.max(0, milliseconds / 1000)
  let unit: Intl.RelativeTimeFormatUnit = 'minute'
  for (const [next, size] of steps) {
    if (next !== 'minute' && count < size) break
    count /= size
    unit = next
  }
  return new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' }).format(whole(count), unit)
}
