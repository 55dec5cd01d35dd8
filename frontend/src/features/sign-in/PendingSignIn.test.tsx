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
import { advance, settle, setVisibility } from '../../shared/testing/time'
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

describe('a resend', () => {
  test('waits by the clock of the server, not of the browser', async () => {
    vi.setSystemTime(new Date(2001, 0, 1))
    const { server } = await open({
      [read]: json(pendingCode({ delivery: 'delivered' })),
      [resend]: sent(),
    })
    expect(screen.getByText('in 1:00')).toBeTruthy()
    await advance(18_000)
    expect(screen.getByText('in 0:42')).toBeTruthy()
    await press('Resend code')
    expect(server.count(resend)).toBe(0)
    await advance(42_000)
    expect(screen.getByRole('button', { name: 'Resend code' }).getAttribute('aria-disabled')).toBe(
      'false',
    )
    await press('Resend code')
    expect(server.count(resend)).toBe(1)
    expect(screen.getByText('in 1:00')).toBeTruthy()
    expect(screen.getByText('Your request was received.').closest('[role=status]')).toBeTruthy()
  })

  test('keeps the typed text', async () => {
    await open({ [read]: json(pendingCode({ resend_at: serverTime(0) })), [resend]: sent() })
    await type('123')
    await press('Resend code')
    expect(field().value).toBe('123')
  })

  test('that fails shows the reason', async () => {
    await open({ [read]: json(pendingCode({ resend_at: serverTime(0) })), [resend]: unavailable() })
    await press('Resend code')
    expect(screen.getByRole('alert').textContent).toContain('Sana is temporarily unavailable.')
  })

  test('of a lost sign-in leads to the form', async () => {
    const { onSignIn } = await open({
      [read]: json(pendingCode({ resend_at: serverTime(0) })),
      [resend]: noPendingCode(),
    })
    await press('Resend code')
    expect(onSignIn).toHaveBeenCalledWith(expect.objectContaining({ email: 'grace@example.org' }))
  })

  test('is not overwritten by an older response', async () => {
    let respond = (_: Response) => {}
    const late = new Promise<Response>((resolve) => {
      respond = resolve
    })
    const due = pendingCode({ resend_at: serverTime(0) })
    await open({
      [read]: [json(due), late],
      [resend]: sent(codeRequest(pendingCode({ delivery: 'queued' }))),
    })
    await setVisibility('visible')
    await press('Resend code')
    respond(json(due))
    await settle()
    expect(screen.getByText(/We’re sending a code to/)).toBeTruthy()
    expect(screen.getByText('in 1:00')).toBeTruthy()
  })

  test('shows the time of day from an hour on', async () => {
    vi.setSystemTime(new Date(2026, 2, 14, 20, 15))
    await open({ [read]: json(pendingCode({ resend_at: serverTime(8101) })) })
    expect(screen.getByText('available at 22:31')).toBeTruthy()
  })
})

describe('a lost sign-in', () => {
  test('leads to the form with an explanation', async () => {
    const { onSignIn } = await open({ [read]: noPendingCode() })
    expect(onSignIn).toHaveBeenCalledWith({
      notice: expect.stringContaining('no longer valid in this browser'),
    })
  })

  test('during a verification keeps the address', async () => {
    const { onSignIn } = await open({ [verify]: noPendingCode() })
    await type('123456')
    expect(onSignIn).toHaveBeenCalledWith({
      notice: expect.stringContaining('no longer valid in this browser'),
      email: 'grace@example.org',
    })
  })

  test('is detected on return to the page', async () => {
    const { onSignIn } = await open({ [read]: [json(pendingCode()), noPendingCode()] })
    await setVisibility('visible')
    expect(onSignIn).toHaveBeenCalledWith(expect.objectContaining({ email: 'grace@example.org' }))
  })
})

describe('errors', () => {
  test('of the server keep the code, which is sent again only by a press', async () => {
    const { server, onSignedIn } = await open({ [verify]: [unavailable(), verified] })
    await type('123456')
    expect(screen.getByRole('alert').textContent).toContain('Nothing was lost')
    expect(field().value).toBe('123456')
    await advance(120_000)
    expect(server.count(verify)).toBe(1)
    await press('Sign in')
    expect(onSignedIn).toHaveBeenCalledOnce()
  })

  test('of a read on return keep the form and its text, and are retried', async () => {
    const { server } = await open({
      [read]: [json(pendingCode()), unavailable(), json(pendingCode())],
    })
    await type('123')
    await setVisibility('visible')
    expect(screen.getByText(/Sana is temporarily unavailable/)).toBeTruthy()
    expect(field().value).toBe('123')
    await advance(1000)
    expect(server.count(read)).toBe(3)
    expect(screen.queryByText(/Sana is temporarily unavailable/)).toBeNull()
    expect(field().value).toBe('123')
  })

  test('of the first read are shown and retried', async () => {
    await open({ [read]: [unavailable({ retry_after: 7 }), json(pendingCode())] })
    expect(screen.getByRole('alert').textContent).toContain('Sana is temporarily unavailable.')
    await advance(6999)
    expect(heading().textContent).toBe('Something went wrong')
    await advance(1)
    expect(heading().textContent).toBe('Check your email')
  })
})

test('a change of the address cancels the pending sign-in', async () => {
  const { server, onSignIn } = await open({ 'DELETE /api/auth/code': noContent() })
  await press('Use a different email address')
  expect(server.calls.at(-1)).toBe(`DELETE /api/auth/code?id=${pendingCode().id}`)
  expect(onSignIn).toHaveBeenCalledExactlyOnceWith({ email: 'grace@example.org' })
})
