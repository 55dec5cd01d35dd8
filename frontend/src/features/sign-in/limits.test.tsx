import { cleanup, fireEvent, screen } from '@testing-library/preact'
import { describe, expect, test, vi } from 'vitest'
import type { PendingCode } from '../../shared/api/http'
import {
  json,
  noContent,
  noMail,
  pendingCode,
  refusal,
  serverTime,
} from '../../shared/testing/server'
import { advance, settle } from '../../shared/testing/time'
import {
  field,
  heading,
  open,
  openAgain,
  press,
  read,
  resend,
  sent,
  type,
  verified,
  verify,
} from './openCodePage'

describe('an alphanumeric code', () => {
  const alphanumeric = pendingCode({ code_kind: 'alphanumeric', code_length: 13 })
  const label = 'Code of 13 letters and digits'

  test('is typed in upper or lower case, and submitted by itself', async () => {
    const { server, onSignedIn } = await open({ [read]: json(alphanumeric), [verify]: verified })
    const input = screen.getByLabelText<HTMLInputElement>(label)
    expect(input.inputMode).toBe('text')
    fireEvent.input(input, { target: { value: 'oil 3456-789ab' } })
    await settle()
    expect(server.count(verify)).toBe(0)
    expect(input.value).toBe('0113456789AB')
    fireEvent.input(input, { target: { value: 'oil 3456-789abc' } })
    await settle()
    expect(server.requests.at(-1)?.body).toEqual({
      code: '0113456789ABC',
      email: 'grace@example.org',
    })
    expect(onSignedIn).toHaveBeenCalledOnce()
  })

  test('is filled in by the link in the mail', async () => {
    await open({ [read]: json(alphanumeric) }, '/verify#c=0123456789ABC')
    expect(screen.getByLabelText<HTMLInputElement>(label).value).toBe('0123456789ABC')
  })
})

describe('a limit on attempts', () => {
  const tooMany = (seconds: number) =>
    refusal(429, 'too_many_wrong_codes', 'Later.', { retry_after: seconds })
  const button = () => screen.getByRole('button', { name: 'Sign in' })
  const describes = () =>
    document.getElementById(button().getAttribute('aria-describedby') ?? '')?.textContent

  test('disables the button until it ends, and shows when that is', async () => {
    const { server, onSignedIn } = await open({ [verify]: [tooMany(541), verified] })
    await type('123456')
    expect(screen.getByRole('alert').textContent).toBe(
      'There have been too many wrong codes for this address. ' +
        'You can then get a new code and try again.',
    )
    expect(button().getAttribute('aria-disabled')).toBe('true')
    expect(describes()).toBe('Try again in 9:01.')
    await press('Sign in')
    await type('654321')
    expect(server.count(verify)).toBe(1)
    await advance(61_000)
    expect(describes()).toBe('Try again in 8:00.')
    await advance(480_000)
    expect(screen.getByText('Try again now.')).toBeTruthy()
    expect(button().getAttribute('aria-disabled')).toBe('false')
    await press('Sign in')
    expect(onSignedIn).toHaveBeenCalledOnce()
  })

  test.each([
    ['later today', new Date(2026, 2, 14, 20, 15), 'Try again at 22:30.'],
    ['tomorrow', new Date(2026, 2, 14, 22, 15), 'Try again tomorrow at 00:30.'],
  ])('shows the time of day from an hour on: %s', async (_, now, words) => {
    vi.setSystemTime(now)
    await open({ [verify]: tooMany(8100) })
    await type('123456')
    expect(describes()).toBe(words)
  })

  test('starts again with a new response', async () => {
    await open({ [verify]: [tooMany(10), tooMany(600)] })
    await type('123456')
    expect(describes()).toBe('Try again in 0:10.')
    await advance(10_000)
    await press('Sign in')
    expect(describes()).toBe('Try again in 10:00.')
  })
})

describe('a request without a mail', () => {
  const none = (seconds: number, code?: PendingCode) =>
    noMail({ resend_at: serverTime(seconds), ...(code && { code }) })
  const newCodeButton = () => screen.getByRole('button', { name: 'Get a new code' })
  const request = 'POST /api/auth/code'
  const notSent = 'We haven’t sent another code to grace@example.org'

  test('keeps the field if a code works, and shows when the next mail can be sent', async () => {
    await open({ [read]: 'never' }, '/verify', none(60, pendingCode()))
    expect(field()).toBeTruthy()
    expect(screen.getByText(/We’ve sent enough emails/).textContent).toBe(
      'We’ve sent enough emails to grace@example.org for now. The last code still works.',
    )
    expect(screen.getByText('in 1:00')).toBeTruthy()
  })

  test('is not called the last code if its mail has failed', async () => {
    await open({}, '/verify', none(60, pendingCode({ delivery: 'failed' })))
    expect(screen.getByText(/We haven’t sent another code/).textContent).toBe(`${notSent} yet.`)
  })

  test('after a resend is announced at the button', async () => {
    const due = pendingCode({ resend_at: serverTime(0) })
    await open({
      [read]: json(due),
      [resend]: json(none(3000, pendingCode({ resend_at: serverTime(3000) })), 202),
    })
    await press('Resend code')
    expect(screen.getByText(/We’ve sent enough emails/).closest('[role=status]')).toBeTruthy()
    expect(screen.queryByText('Your request was received.')).toBeNull()
    expect(screen.getByText('in 50:00')).toBeTruthy()
    expect(field()).toBeTruthy()
  })

  test('after a resend of a locked code moves the time of the next one', async () => {
    const locked = json(pendingCode({ tries_left: 0, resend_at: serverTime(0) }))
    await open({ [read]: locked, [resend]: json(none(3000), 202) })
    await press('Get a new code')
    expect(heading().textContent).toBe('Too many wrong tries')
    expect(screen.getByText(/We haven’t sent another code/).textContent).toBe(`${notSent} yet.`)
    expect(screen.getByText('available in 50:00')).toBeTruthy()
    expect(newCodeButton().getAttribute('aria-disabled')).toBe('true')
  })

  test('shows no field if no code works, and is repeated only by a press', async () => {
    const { server } = await open({ [request]: sent() }, '/verify', none(42))
    expect(heading().textContent).toBe('No new code yet')
    expect(screen.queryByRole('textbox')).toBeNull()
    expect(screen.getByText('Earlier codes don’t work in this browser.')).toBeTruthy()
    expect(screen.getByText('available in 0:42')).toBeTruthy()
    await press('Get a new code')
    await advance(600_000)
    expect(server.calls).toEqual([])
    expect(screen.queryByText(/available in/)).toBeNull()
    await press('Get a new code')
    expect(server.requests.map(({ body }) => body)).toEqual([{ email: 'grace@example.org' }])
    expect(field()).toBeTruthy()
    expect(document.activeElement).toBe(field())
  })

  test('can be repeated without a mail', async () => {
    await open({ [request]: json(none(600), 202) }, '/verify', none(0))
    await press('Get a new code')
    expect(screen.getByText('available in 10:00')).toBeTruthy()
  })

  test('returns to the form with the address, after a reload without it', async () => {
    const { onSignIn } = await open({}, '/verify', none(42))
    await press('Use a different email address')
    expect(onSignIn).toHaveBeenCalledExactlyOnceWith({ email: 'grace@example.org' })
    cleanup()
    const reloaded = await openAgain({})
    expect(reloaded.onSignIn).toHaveBeenCalledWith({})
    expect(reloaded.server.calls).toEqual([])
  })
})

test('a closed sign-up has its own page, which offers another address', async () => {
  const replies = { [verify]: refusal(403, 'sign_up_closed'), 'DELETE /api/auth/code': noContent() }
  const { onSignIn } = await open(replies)
  await type('123456')
  expect(heading().textContent).toBe('No account for this address')
  expect(document.activeElement).toBe(heading())
  expect(screen.getByText(/There’s no account for this address/)).toBeTruthy()
  expect(screen.queryByRole('textbox')).toBeNull()
  expect(screen.getAllByRole('button').map(({ textContent }) => textContent)).toEqual([
    'Use a different email address',
  ])
  await press('Use a different email address')
  expect(onSignIn).toHaveBeenCalledExactlyOnceWith({ email: 'grace@example.org' })
})
