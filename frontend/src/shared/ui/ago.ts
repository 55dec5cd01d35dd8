import { locale } from '../i18n/text'

const steps: [Intl.RelativeTimeFormatUnit, number][] = [
  ['minute', 60],
  ['hour', 60],
  ['day', 24],
  ['month', 30],
]

/** "5 minutes ago", in the page's language; "this minute" for what is newer. */
export function ago(at: Date): string {
  let count = Math.max(0, (Date.now() - at.getTime()) / 1000)
  let unit: Intl.RelativeTimeFormatUnit = 'minute'
  for (const [next, size] of steps) {
    if (next !== 'minute' && count < size) break
    count /= size
    unit = next
  }
  return new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' }).format(-Math.floor(count), unit)
}
