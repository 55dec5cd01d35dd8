import { render, screen } from '@testing-library/preact'
import { expect, test, vi } from 'vitest'
import type { SignedOut } from '../../shared/api/http'
import { WhySignedOut } from './WhySignedOut'

const show = (ended: SignedOut) => {
  render(<WhySignedOut ended={ended} />)
  return screen.getByRole('status').textContent?.replace('  ', ' ')
}
/** At this hour of this day of November 2026, in the user's time zone. */
const november = (day: number, hour: number) => new Date(2026, 10, day, hour, 5).toISOString()

/** `signed_out` needs no sentence: the user did it in this browser. */
const sentences: Record<Exclude<SignedOut['reason'], 'signed_out'>, string> = {
  idle: 'You were signed out because you hadn’t used this browser for a while.',
  max_age: 'For your security, you need to sign in again from time to time.',
  ended_elsewhere: 'You were signed out from another device (an unknown browser).',
  ended_by_link: 'You were signed out with the link in our email about this sign-in.',
  ended_everywhere: 'You signed out of all your devices, using an unknown browser.',
  too_many_sessions: 'You were signed in on too many devices, so the oldest one was signed out.',
  ended_by_operator: 'An administrator signed you out.',
  key_withdrawn: 'Please sign in again after a security update. Your account is fine.',
  email_changed:
    'You were signed out because your email address was changed, using an unknown browser.',
  account_deleted: 'You were signed out because your account was deleted.',
  recovered: 'You were signed out because your account was recovered without a passkey.',
}

test.each(Object.entries(sentences) as [SignedOut['reason'], string][])(
  '%s has its own sentence',
  (reason, words) => {
    expect(show({ reason })).toBe(words)
  },
)

test('an unknown reason has a general sentence', () => {
  const unknown = { reason: 'moved_house', at: november(22, 14) } as unknown as SignedOut
  expect(show(unknown)).toBe('Your session has ended.')
})

test.each([
  ['today', november(22, 14), /using Firefox on Linux\.today, (14:05|2:05\sPM)$/],
  ['yesterday', november(21, 23), /\.yesterday, (23:05|11:05\sPM)$/],
  ['days ago', november(20, 14), /\.(20 November 2026|November 20, 2026) at (14:05|2:05\sPM)$/],
  [
    'in the future, by another clock',
    november(23, 1),
    /\.(23 November 2026|November 23, 2026) at (01:05|1:05\sAM)$/,
  ],
])('the device and the local time of the revocation are shown: %s', (_, at, words) => {
  vi.setSystemTime(new Date(2026, 10, 22, 15, 0))
  expect(show({ reason: 'ended_everywhere', at, by: 'Firefox on Linux' })).toMatch(words)
  expect(document.querySelector('time')?.dateTime).toBe(at)
})
