import { render, screen } from '@testing-library/preact'
import { expect, test, vi } from 'vitest'
import type { SignedOut } from '../../shared/api/http'
import { WhySignedOut } from './WhySignedOut'

const tell = (ended: SignedOut) => {
  render(<WhySignedOut ended={ended} />)
  return screen.getByRole('status').textContent?.replace('  ', ' ')
}
/** At this hour of this day of November 2026, as the person's own calendar has it. */
const november = (day: number, hour: number) => new Date(2026, 10, day, hour, 5).toISOString()

test.each<[SignedOut['reason'], string]>([
  ['idle', 'You were signed out because you had not been here for a while.'],
  ['max_age', 'You were signed out because a sign-in lasts only for so long, however often you come.'],
  ['ended_elsewhere', 'You were signed out because this sign-in was ended from another browser.'],
  ['ended_everywhere', 'You were signed out because you signed out everywhere, from another browser.'],
  [
    'too_many_sessions',
    'You were signed out because all the places you may be signed in at were used up, and this was the oldest one.',
  ],
  ['ended_by_operator', 'You were signed out because the operator of this site ended this sign-in.'],
  ['key_withdrawn', "You were signed out because Sana's keys were changed."],
])('%s is said in words that alarm nobody', (reason, words) => {
  expect(tell({ reason })).toBe(words)
})

test('a reason that a later server may have is not guessed at', () => {
  const later = { reason: 'moved_house', at: november(22, 14) } as unknown as SignedOut
  expect(tell(later)).toBe('Your session has ended. Please sign in again.')
})

test.each([
  [
    'today',
    november(22, 14),
    /^You were signed out today at (14:05|2:05\sPM) because you signed out everywhere, from Firefox on Linux\.$/,
  ],
  ['yesterday', november(21, 23), /^You were signed out yesterday at (23:05|11:05\sPM) because/],
  [
    'days ago',
    november(20, 14),
    /^You were signed out on (20 November 2026|November 20, 2026) at (14:05|2:05\sPM) because/,
  ],
  [
    'by a clock that is ahead of this one',
    november(23, 1),
    /^You were signed out on (23 November 2026|November 23, 2026) at (01:05|1:05\sAM) because/,
  ],
])('who ended it and when is told in the time of the person: %s', (_, at, words) => {
  vi.setSystemTime(new Date(2026, 10, 22, 15, 0))
  expect(tell({ reason: 'ended_everywhere', at, by: 'Firefox on Linux' })).toMatch(words)
  expect(document.querySelector('time')?.dateTime).toBe(at)
})

test('the time is told also where nobody ended it', () => {
  vi.setSystemTime(new Date(2026, 10, 22, 15, 0))
  expect(tell({ reason: 'idle', at: november(22, 14) })).toMatch(/out today at .* because you had not been here/)
})
