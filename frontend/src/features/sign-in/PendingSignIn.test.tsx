import { screen } from '@testing-library/preact'
import { describe, expect, test, vi } from 'vitest'
import {
  codeRequest,
  json,
  noContent,
  noPendingCode,
  pendingCode,
  serverTime,
  unavailable,
} from '../../shared/testing/server'
import { pass, settled, show } from '../../shared/testing/time'
import {
  field,
  heading,
  open,
  press,
  read,
  resend,
  sent,
  type,
  verified,
  verify,
} from './openCodePage'

describe('sending again', () => {
  test('waits by the clock of the server, whatever the one on the wall says', async () => {
    vi.setSystemTime(new Date(2001, 0, 1))
    const { server } = await open({
      [read]: json(pendingCode({ delivery: 'delivered' })),
      [resend]: sent(),
    })
    expect(screen.getByText('in 1:00')).toBeTruthy()
    await pass(18_000)
    expect(screen.getByText('in 0:42')).toBeTruthy()
    await press('Resend code')
    expect(server.count(resend)).toBe(0)
    await pass(42_000)
    expect(screen.getByRole('button', { name: 'Resend code' }).getAttribute('aria-disabled')).toBe(
      'false',
    )
    await press('Resend code')
    expect(server.count(resend)).toBe(1)
    expect(screen.getByText('in 1:00')).toBeTruthy()
    expect(screen.getByText('Your request was received.').closest('[role=status]')).toBeTruthy()
  })

  test('keeps what is being typed', async () => {
    await open({ [read]: json(pendingCode({ resend_at: serverTime(0) })), [resend]: sent() })
    await type('123')
    await press('Resend code')
    expect(field().value).toBe('123')
  })

  test('that fails says why', async () => {
    await open({ [read]: json(pendingCode({ resend_at: serverTime(0) })), [resend]: unavailable() })
    await press('Resend code')
    expect(screen.getByRole('alert').textContent).toContain('Sana is temporarily unavailable.')
  })

  test('a sign-in that is gone leads to the form', async () => {
    const { onSignIn } = await open({
      [read]: json(pendingCode({ resend_at: serverTime(0) })),
      [resend]: noPendingCode(),
    })
    await press('Resend code')
    expect(onSignIn).toHaveBeenCalledWith(expect.objectContaining({ email: 'grace@example.org' }))
  })

  test('is not undone by an older answer that comes late', async () => {
    let answer = (_: Response) => {}
    const late = new Promise<Response>((resolve) => {
      answer = resolve
    })
    const due = pendingCode({ resend_at: serverTime(0) })
    await open({
      [read]: [json(due), late],
      [resend]: sent(codeRequest(pendingCode({ delivery: 'queued' }))),
    })
    await show('visible')
    await press('Resend code')
    answer(json(due))
    await settled()
    expect(screen.getByText(/We’re sending a code to/)).toBeTruthy()
    expect(screen.getByText('in 1:00')).toBeTruthy()
  })

  test('says the time of day from an hour on', async () => {
    vi.setSystemTime(new Date(2026, 2, 14, 20, 15))
    await open({ [read]: json(pendingCode({ resend_at: serverTime(8101) })) })
    expect(screen.getByText('available at 22:31')).toBeTruthy()
  })
})

describe('a sign-in that is gone', () => {
  test('leads to the form with an explanation', async () => {
    const { onSignIn } = await open({ [read]: noPendingCode() })
    expect(onSignIn).toHaveBeenCalledWith({
      notice: expect.stringContaining('no longer valid in this browser'),
    })
  })

  test('while the code was typed keeps the address', async () => {
    const { onSignIn } = await open({ [verify]: noPendingCode() })
    await type('123456')
    expect(onSignIn).toHaveBeenCalledWith({
      notice: expect.stringContaining('no longer valid in this browser'),
      email: 'grace@example.org',
    })
  })

  test('while the page was hidden is noticed on return', async () => {
    const { onSignIn } = await open({ [read]: [json(pendingCode()), noPendingCode()] })
    await show('visible')
    expect(onSignIn).toHaveBeenCalledWith(expect.objectContaining({ email: 'grace@example.org' }))
  })
})

describe('errors', () => {
  test('of the server keeps the code, which is sent again only by a press', async () => {
    const { server, onSignedIn } = await open({ [verify]: [unavailable(), verified] })
    await type('123456')
    expect(screen.getByRole('alert').textContent).toContain('Nothing was lost')
    expect(field().value).toBe('123456')
    await pass(120_000)
    expect(server.count(verify)).toBe(1)
    await press('Sign in')
    expect(onSignedIn).toHaveBeenCalledOnce()
  })

  test('while asking again on return keeps the form and what was typed, and retries by itself', async () => {
    const { server } = await open({
      [read]: [json(pendingCode()), unavailable(), json(pendingCode())],
    })
    await type('123')
    await show('visible')
    expect(screen.getByText(/Sana is temporarily unavailable/)).toBeTruthy()
    expect(field().value).toBe('123')
    await pass(1000)
    expect(server.count(read)).toBe(3)
    expect(screen.queryByText(/Sana is temporarily unavailable/)).toBeNull()
    expect(field().value).toBe('123')
  })

  test('before the first answer is said, and the page comes by itself', async () => {
    await open({ [read]: [unavailable({ retry_after: 7 }), json(pendingCode())] })
    expect(screen.getByRole('alert').textContent).toContain('Sana is temporarily unavailable.')
    await pass(6999)
    expect(heading().textContent).toBe('Something went wrong')
    await pass(1)
    expect(heading().textContent).toBe('Check your email')
  })
})

test('another address: the pending sign-in is cancelled and the address can be corrected', async () => {
  const { server, onSignIn } = await open({ 'DELETE /api/auth/code': noContent() })
  await press('Use a different email address')
  expect(server.calls.at(-1)).toBe(`DELETE /api/auth/code?id=${pendingCode().id}`)
  expect(onSignIn).toHaveBeenCalledExactlyOnceWith({ email: 'grace@example.org' })
})
