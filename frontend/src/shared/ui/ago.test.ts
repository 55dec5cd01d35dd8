import { afterEach, expect, test, vi } from 'vitest'
import { use } from '../i18n/text'
import { allTexts } from '../testing/catalogues'
import { ago } from './ago'

const now = Date.parse('2026-03-20T12:00:00Z')
const minute = 60_000
const hour = 60 * minute
const day = 24 * hour

afterEach(() => use(allTexts.en, 'en-GB'))

test.each([
  [-5 * minute, 'this minute'],
  [0, 'this minute'],
  [minute - 1, 'this minute'],
  [minute, '1 minute ago'],
  [hour - 1, '59 minutes ago'],
  [hour, '1 hour ago'],
  [day - 1, '23 hours ago'],
  [day, 'yesterday'],
  [29 * day, '29 days ago'],
  [30 * day, 'last month'],
])('%i ms ago is "%s"', (milliseconds, words) => {
  vi.setSystemTime(now)
  expect(ago(new Date(now - milliseconds))).toBe(words)
})

test('the text is in the language of the page', () => {
  vi.setSystemTime(now)
  use(allTexts.de, 'de-DE')
  expect(ago(new Date(now - 5 * minute))).toBe('vor 5 Minuten')
})
