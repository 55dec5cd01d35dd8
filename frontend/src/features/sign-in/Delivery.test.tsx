import { screen } from '@testing-library/preact'
import { describe, expect, test, vi } from 'vitest'
import type { PendingCode } from '../../shared/api/http'
import { outcomeOf } from '../../shared/code/delivery'
import {
  codeRequest,
  json,
  noContent,
  pendingCode,
  type Reply,
  serverTime,
  unavailable,
} from '../../shared/testing/server'
import { advance, setVisibility } from '../../shared/testing/time'
import { field, heading, open, press, read, resend, sent, type } from './openCodePage'

type Mail = Pick<PendingCode, 'delivery' | 'delivery_reason'>

const about = (mail: Mail, more: Partial<PendingCode> = {}) =>
  json(pendingCode({ ...mail, ...more }))
const queued = () => about({ delivery: 'queued' })
/** The text about the mail, with a placeholder for the address. */
const statusTexts = () =>
  [...(screen.getByText('grace@example.org').closest('[role=status]')?.children ?? [])].map(textOf)
const textOf = (element: Element) => element.textContent.replace(/\d+:\d\d( [AP]M)?/, 'HH:MM')

describe('the delivery status', () => {
  test.each<[Mail, string, string]>([
    [
      { delivery: 'queued' },
      'We’re sending a code to grace@example.org.',
      'It should arrive within a minute and expires at HH:MM.',
    ],
    [
      { delivery: 'sent' },
      'We sent a code to grace@example.org.',
      'It should arrive within a minute and expires at HH:MM. ' +
        'Can’t find it? Check your spam folder.',
    ],
    [
      { delivery: 'delivered' },
      'We sent a code to grace@example.org.',
      'Delivered. It expires at HH:MM. Can’t find it? Check your spam folder.',
    ],
    [
      { delivery: 'delayed' },
      'The email to grace@example.org is taking longer than usual.',
      'We’ll keep trying until HH:MM. You don’t need to do anything.',
    ],
    [
      { delivery: 'delayed', delivery_reason: 'provider_away' },
      'The email to grace@example.org is taking longer than usual.',
      'Our email provider isn’t responding. We’ll keep trying until HH:MM. ' +
        'You don’t need to do anything.',
    ],
    [
      { delivery: 'failed' },
      'We couldn’t deliver the email to grace@example.org.',
      'Check the address, or resend the code.',
    ],
    [
      { delivery: 'failed', delivery_reason: 'no_such_mailbox' },
      'grace@example.org doesn’t exist.',
      'The email bounced. Check the address for typos.',
    ],
    [
      { delivery: 'failed', delivery_reason: 'blocked' },
      'We can’t send email to grace@example.org.',
      'An earlier email to this address bounced, so our provider has blocked it. ' +
        'Use another address, or contact support.',
    ],
    [
      { delivery: 'failed', delivery_reason: 'refused' },
      'Our email to grace@example.org was rejected.',
      'example.org didn’t accept it. Try another address.',
    ],
    [
      { delivery: 'failed', delivery_reason: 'provider_away' },
      'We couldn’t send the email to grace@example.org.',
      'Our email provider isn’t responding. Your address is fine. Resend the code.',
    ],
  ])('is shown with the next step: %j', async (mail, status, next) => {
    await open({ [read]: about(mail) })
    expect(statusTexts()).toEqual([status, next])
    expect(heading().textContent).toBe('Check your email')
    expect(field()).toBeTruthy()
  })

  test.each<[Mail, string]>([
    [{ delivery: 'failed' }, 'Resend code'],
    [{ delivery: 'failed', delivery_reason: 'provider_away' }, 'Resend code'],
    [{ delivery: 'failed', delivery_reason: 'no_such_mailbox' }, 'Change email address'],
    [{ delivery: 'failed', delivery_reason: 'blocked' }, 'Use a different email address'],
    [{ delivery: 'failed', delivery_reason: 'refused' }, 'Use a different email address'],
  ])(
    'of a failure makes the remedy the main action, and collapses the field: %j',
    async (mail, remedy) => {
      await open({ [read]: about(mail) })
      const main = screen
        .getAllByRole('button')
        .filter((button) => button.classList.contains('main'))
      expect(main.map(({ textContent }) => textContent)).toEqual([remedy])
      expect(document.activeElement).toBe(heading())
      expect(screen.queryByRole('textbox')).toBeNull()
      await press('I have a code')
      expect(screen.getByRole('textbox')).toBe(document.activeElement)
    },
  )

  test('of a failure keeps a field that the user types in', async () => {
    await open({ [read]: [queued(), about({ delivery: 'failed' })] })
    await type('123')
    await advance(1000)
    expect(statusTexts()[0]).toContain('couldn’t')
    expect(document.activeElement).toBe(field())
    expect(field().value).toBe('123')
    expect(screen.getByRole('textbox')).toBe(field())
  })

  test.each([
    [{ delivery: 'failed', delivery_reason: 'mailbox_on_holiday' }, 'failed'],
    [{ delivery: 'carried_by_pigeon' }, 'sent'],
  ])('that is unknown is mapped to a known one: %j', (mail, outcome) => {
    expect(outcomeOf(pendingCode(mail as unknown as Mail))).toBe(outcome)
  })

  test('a mistyped address can be changed', async () => {
    const { onSignIn } = await open({
      [read]: about({ delivery: 'failed', delivery_reason: 'no_such_mailbox' }),
      'DELETE /api/auth/code': noContent(),
    })
    await press('Change email address')
    expect(onSignIn).toHaveBeenCalledExactlyOnceWith({ email: 'grace@example.org' })
  })
})

describe('a poll of the delivery status', () => {
  const times = async (replies: Reply[], milliseconds: number[]) => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { server } = await open({ [read]: replies })
    for (const pause of milliseconds) {
      const before = server.count(read)
      await advance(pause - 1)
      expect(server.count(read), `before ${pause} ms are over`).toBe(before)
      await advance(1)
      expect(server.count(read), `after ${pause} ms`).toBe(before + 1)
    }
    return server
  }

  test('backs off, and restarts after a change', async () => {
    const sent = about({ delivery: 'sent' })
    await times(
      [queued(), queued(), queued(), queued(), sent],
      [1000, 2000, 4000, 8000, 1000, 2000, 4000],
    )
    expect(statusTexts()[0]).toBe('We sent a code to grace@example.org.')
  })

  test.each<Mail>([{ delivery: 'delivered' }, { delivery: 'failed', delivery_reason: 'refused' }])(
    'stops after a final status: %j',
    async (mail) => {
      const server = await times([queued(), about(mail)], [1000])
      await advance(500_000)
      expect(server.count(read)).toBe(2)
    },
  )

  test('continues for a delayed mail', async () => {
    await times([about({ delivery: 'delayed' }), about({ delivery: 'delivered' })], [1000])
    expect(statusTexts()[0]).toBe('We sent a code to grace@example.org.')
  })

  test('stops when the code expires', async () => {
    const { server } = await open({
      [read]: about({ delivery: 'sent' }, { expires_at: serverTime(20) }),
    })
    await advance(20_000)
    const count = server.count(read)
    expect(count).toBeLessThan(8)
    await advance(300_000)
    expect(server.count(read)).toBe(count)
  })

  test('is not started for a locked code', async () => {
    const { server } = await open({ [read]: about({ delivery: 'sent' }, { tries_left: 0 }) })
    await advance(300_000)
    expect(server.count(read)).toBe(1)
  })

  test('restarts after a new code was sent', async () => {
    const failed = about({ delivery: 'failed' }, { resend_at: serverTime(0) })
    const { server } = await open({
      [read]: failed,
      [resend]: sent(codeRequest(pendingCode({ delivery: 'queued' }))),
    })
    await press('Resend code')
    await advance(1000)
    expect(server.count(read)).toBe(2)
  })

  test('pauses while the page is hidden, and continues at once on return', async () => {
    const { server } = await open({ [read]: [queued(), about({ delivery: 'delivered' })] })
    await setVisibility('hidden')
    await advance(120_000)
    expect(server.count(read)).toBe(1)
    await setVisibility('visible')
    expect(server.count(read)).toBe(2)
    expect(statusTexts()[0]).toBe('We sent a code to grace@example.org.')
  })

  test('continues after errors, which are shown, but not while the page is hidden', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { server } = await open({
      [read]: [queued(), unavailable(), 'lost', queued(), about({ delivery: 'sent' })],
    })
    await advance(1000)
    expect(screen.getByText(/Sana is temporarily unavailable/)).toBeTruthy()
    await setVisibility('hidden')
    await advance(120_000)
    expect(server.count(read)).toBe(2)
    await setVisibility('visible')
    expect(server.count(read)).toBe(3)
    await advance(1000)
    expect(screen.queryByText(/Sana does not work/)).toBeNull()
    await advance(2000)
    expect(statusTexts()[0]).toBe('We sent a code to grace@example.org.')
  })

  test('announces a change once, and does not disturb typing', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    vi.setSystemTime(new Date(2026, 2, 14, 9, 49, 59, 990))
    // Half a second later, the code would seem valid for another minute.
    const jumping = about({ delivery: 'queued' }, { now: serverTime(0.5) })
    await open({ [read]: [queued(), jumping, about({ delivery: 'delivered' })] })
    const region = screen.getByText('grace@example.org').closest('[role=status]')
    if (!region) throw new Error('the address is in no live region')
    const changes: MutationRecord[] = []
    const observer = new MutationObserver((records) => changes.push(...records))
    observer.observe(region, {
      childList: true,
      characterData: true,
      attributes: true,
      subtree: true,
    })
    await type('123')
    await advance(1000)
    expect(changes).toEqual([])
    await advance(2000)
    expect(changes.length).toBeGreaterThan(0)
    expect(screen.getByText('grace@example.org').closest('[role=status]')).toBe(region)
    expect(field().value).toBe('123')
    expect(document.activeElement).toBe(field())
    observer.disconnect()
  })
})
