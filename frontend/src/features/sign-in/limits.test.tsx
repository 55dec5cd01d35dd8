import { fireEvent, screen } from '@testing-library/preact'
import { describe, expect, test } from 'vitest'
import { json, pendingCode, refusal, serverTime } from '../../shared/testing/server'
import { pass, settled } from '../../shared/testing/time'
import { field, open, press, read, type, verified, verify } from './openCodePage'

describe('a code of letters', () => {
  const letters = pendingCode({ code_kind: 'letters', code_length: 13 })
  const label = 'Code of 13 letters and digits'

  test('is typed with any keyboard, small or large, and submitted by itself', async () => {
    const { server, onSignedIn } = await open({ [read]: json(letters), [verify]: verified })
    const input = screen.getByLabelText<HTMLInputElement>(label)
    expect(input.inputMode).toBe('text')
    fireEvent.input(input, { target: { value: 'oil 3456-789ab' } })
    await settled()
    expect(server.count(verify)).toBe(0)
    expect(input.value).toBe('0113456789AB')
    fireEvent.input(input, { target: { value: 'oil 3456-789abc' } })
    await settled()
    expect(server.requests.at(-1)?.body).toEqual({ code: '0113456789ABC' })
    expect(onSignedIn).toHaveBeenCalledOnce()
  })

  test('may come with the link of the mail', async () => {
    await open({ [read]: json(letters) }, '/verify#c=0123456789ABC')
    expect(screen.getByLabelText<HTMLInputElement>(label).value).toBe('0123456789ABC')
  })
})

describe('a limit that was reached', () => {
  const words = 'There were too many wrong codes for this address.'

  test('is said in words, with the time left by the answer of the server', async () => {
    await open({ [verify]: [refusal(429, 'too_many_wrong_codes', 'Later.', { retry_after: 541 }), verified] })
    await type('123456')
    expect(screen.getByRole('alert').textContent).toContain(words)
    expect(field().value).toBe('123456')
    expect(screen.getByText('Time left: 9:01')).toBeTruthy()
    await pass(61_000)
    expect(screen.getByText('Time left: 8:00')).toBeTruthy()
    await pass(480_000)
    expect(screen.getByText('You can try again now.')).toBeTruthy()
  })

  test('counts anew for a new answer', async () => {
    const refused = (id: string, seconds: number) =>
      refusal(429, 'too_many_requests', 'Too many.', { retry_after: seconds, request_id: id })
    await open({ [verify]: [refused('a', 10), refused('b', 600)] })
    await type('123456')
    expect(screen.getByText('Time left: 0:10')).toBeTruthy()
    await press('Sign in')
    expect(screen.getByText('Time left: 10:00')).toBeTruthy()
  })

  test('on mails says that none was sent, and when the next one can be', async () => {
    await open({ [read]: json(pendingCode({ delivery: 'held', resend_at: serverTime(3000) })) })
    expect(screen.getByText('No further mail has gone to')).toBeTruthy()
    expect(screen.getByText('in 50:00')).toBeTruthy()
  })
})

test('a sign-up that is closed is said where the code was typed', async () => {
  await open({ [verify]: refusal(403, 'sign_up_closed') })
  await type('123456')
  expect(screen.getByRole('alert').textContent).toContain('nobody has an account with this address')
})
