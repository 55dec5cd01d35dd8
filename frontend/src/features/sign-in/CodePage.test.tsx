import { fireEvent, screen } from '@testing-library/preact'
import { describe, expect, test, vi } from 'vitest'
import {
  json,
  noPendingCode,
  notSignedIn,
  pendingCode,
  refusal,
  serverTime,
  signedIn,
} from '../../shared/testing/server'
import { pass, settled, show } from '../../shared/testing/time'
import { field, heading, open, press, read, resend, selection, type, verified, verify, wrong } from './openCodePage'

describe('a code that is typed', () => {
  test('is asked for where it was sent to, and can be typed at once', async () => {
    await open({})
    expect(document.title).toBe('Enter your code – Sana')
    expect(document.activeElement).toBe(field())
    const described = field().getAttribute('aria-describedby')?.split(' ') ?? []
    expect(described.map((id) => document.getElementById(id)?.textContent).join(' ')).toContain(
      'We sent a code to grace@example.org',
    )
  })

  test('may have as many digits as the server says', async () => {
    const { server } = await open({ [read]: json(pendingCode({ code_length: 8 })), [verify]: verified })
    fireEvent.input(screen.getByLabelText('8-digit code'), { target: { value: '1234 5678' } })
    await settled()
    expect(server.requests.at(-1)?.body).toEqual({ code: '12345678' })
  })

  test('is submitted by itself as soon as it is complete, spaces and dashes dropped, and announced', async () => {
    const { server, onSignedIn } = await open({ [verify]: ['never', verified] })
    await type('123 45')
    expect(server.count(verify)).toBe(0)
    expect(field().value).toBe('12345')
    await type('12345-')
    expect(field().value).toBe('12345')
    await type('123 45-6')
    expect(server.requests.at(-1)?.body).toEqual({ code: '123456' })
    expect(screen.getByText('Checking the code…').getAttribute('role')).toBe('status')
    expect(onSignedIn).not.toHaveBeenCalled()
  })

  test('signs in when it is right', async () => {
    const { onSignedIn } = await open({ [verify]: verified })
    await type('123456')
    expect(onSignedIn).toHaveBeenCalledOnce()
  })

  test('is submitted by itself once per distinct complete value', async () => {
    const { server } = await open({ [verify]: wrong(4) })
    await type('123456')
    await type('12345')
    await type('123456')
    expect(server.count(verify)).toBe(1)
    await type('123457')
    expect(server.count(verify)).toBe(2)
    await type('123456')
    await press('Sign in')
    expect(server.count(verify)).toBe(3)
  })

  test('is checked alone: what comes in meanwhile waits', async () => {
    const { server } = await open({ [verify]: 'never' })
    await type('123456')
    await type('654321')
    expect(server.count(verify)).toBe(1)
    expect(field().readOnly).toBe(true)
  })

  test('and is incomplete is refused in words and costs no try', async () => {
    const { server } = await open({})
    await type('1234')
    await press('Sign in')
    expect(screen.getByRole('alert').textContent).toBe('The code has 6 digits. You have entered 4.')
    expect(server.count(verify)).toBe(0)
  })
})

describe('a wrong code', () => {
  test.each([
    [4, 'You have 4 tries left.'],
    [1, 'You have 1 try left.'],
  ])('with %i tries left says so, and its text is ready to be typed over', async (left, words) => {
    await open({ [verify]: wrong(left) })
    await type('123456')
    expect(screen.getByRole('alert').textContent).toContain(words)
    expect(field().getAttribute('aria-invalid')).toBe('true')
    expect(document.activeElement).toBe(field())
    expect(selection()).toBe('123456')
  })

  test('without tries left locks the code and offers a new one', async () => {
    await open({ [verify]: wrong(0) })
    await type('123456')
    expect(heading().textContent).toBe('This code is locked')
    expect(document.activeElement).toBe(heading())
    expect(screen.queryByLabelText('6-digit code')).toBeNull()
    expect(screen.getByRole('button', { name: 'Send a new code' })).toBeTruthy()
  })

  test('and too many of them lock the code', async () => {
    await open({ [verify]: refusal(429, 'too_many_tries') })
    await type('123456')
    expect(heading().textContent).toBe('This code is locked')
    expect(screen.getByText('There were too many wrong tries.')).toBeTruthy()
  })

  test('and too many of them: the page goes on with what the server says next', async () => {
    const due = json(pendingCode({ resend_at: serverTime(0) }))
    await open({ [read]: due, [verify]: refusal(429, 'too_many_tries'), [resend]: json(pendingCode(), 202) })
    await type('123456')
    await press('Send a new code')
    expect(heading().textContent).toBe('Enter your code')
  })

  test('that was locked before is still locked after a reload', async () => {
    await open({ [read]: json(pendingCode({ tries_left: 0 })) })
    expect(heading().textContent).toBe('This code is locked')
  })
})

describe('an expired code', () => {
  test('is noticed on the page without a request', async () => {
    const { server } = await open({ [read]: json(pendingCode({ delivery: 'delivered', expires_at: serverTime(90) })) })
    await pass(89_999)
    expect(heading().textContent).toBe('Enter your code')
    await pass(1)
    expect(heading().textContent).toBe('This code has expired')
    expect(document.title).toBe('This code has expired – Sana')
    expect(document.activeElement).toBe(heading())
    expect(server.calls).toEqual([read])
  })

  test('refused by the server says so at once', async () => {
    await open({ [verify]: refusal(410, 'code_expired') })
    await type('123456')
    expect(heading().textContent).toBe('This code has expired')
  })

  test('gives way to the form when a new one was asked for in another tab', async () => {
    const renewed = json(pendingCode({ expires_at: serverTime(900) }))
    await open({ [read]: [json(pendingCode()), renewed], [verify]: refusal(410, 'code_expired') })
    await type('123456')
    await show('visible')
    expect(heading().textContent).toBe('Enter your code')
  })

  test('gives way to the form once a new one was sent', async () => {
    const old = json(pendingCode({ expires_at: serverTime(-1), resend_at: serverTime(-1) }))
    const { server } = await open({ [read]: old, [resend]: json(pendingCode(), 202) })
    await press('Send a new code')
    expect(server.requests.at(-1)).toMatchObject({ call: resend, body: {} })
    expect(heading().textContent).toBe('Enter your code')
    expect(document.activeElement).toBe(field())
  })

  test('is told by the clock on the wall of whoever reads it', async () => {
    vi.setSystemTime(new Date(2026, 2, 14, 9, 26))
    await open({})
    const time = screen.getByText(/^0?9:36/)
    expect(time.getAttribute('datetime')).toBe(new Date(2026, 2, 14, 9, 36).toISOString())
  })
})

describe("a code from the mail's link", () => {
  test('is filled in, waits for a press, and leaves the address bar at once', async () => {
    const { server, onSignedIn } = await open({ [verify]: verified }, '/verify#c=123456')
    expect(location.href).toMatch(/\/verify$/)
    expect(field().value).toBe('123456')
    await pass(60_000)
    expect(server.count(verify)).toBe(0)
    await press('Sign in')
    expect(server.requests.at(-1)?.body).toEqual({ code: '123456' })
    expect(onSignedIn).toHaveBeenCalledOnce()
  })

  test('is taken from a second link in the same tab too', async () => {
    const { server } = await open({})
    history.replaceState(null, '', '/verify#c=654321')
    dispatchEvent(new Event('hashchange'))
    await settled()
    expect(field().value).toBe('654321')
    expect(location.hash).toBe('')
    expect(server.count(verify)).toBe(0)
  })

  test('can be typed elsewhere when it was asked for elsewhere', async () => {
    const replies = { [read]: noPendingCode(), 'GET /api/auth/session': notSignedIn() }
    const { onSignIn } = await open(replies, '/verify#c=123456')
    expect(screen.getByText('This code belongs to the browser that asked for it — type it there:')).toBeTruthy()
    expect(screen.getByText('123 456')).toBeTruthy()
    expect(onSignIn).not.toHaveBeenCalled()
    await press('Sign in here instead')
    expect(onSignIn).toHaveBeenCalledExactlyOnceWith({})
  })

  test('is no use in the browser whose sign-in is gone', async () => {
    const { onSignIn } = await open({ [read]: [json(pendingCode()), noPendingCode()] }, '/verify#c=123456')
    await show('visible')
    expect(onSignIn).toHaveBeenCalledWith(expect.objectContaining({ email: 'grace@example.org' }))
  })

  test('is not needed by whoever is in already', async () => {
    const replies = {
      [read]: noPendingCode(),
      'GET /api/auth/session': json(signedIn),
      'GET /api/account/email': noPendingCode(),
    }
    const { onSignedIn } = await open(replies, '/verify#c=123456')
    expect(onSignedIn).toHaveBeenCalledOnce()
    expect(screen.queryByText('123 456')).toBeNull()
  })

  test('for a new address goes on to the account page, which waits for it', async () => {
    const replies = {
      [read]: noPendingCode(),
      'GET /api/auth/session': json(signedIn),
      'GET /api/account/email': json(pendingCode({ email: 'mary@example.net' })),
    }
    const { onSignedIn, onNewAddress } = await open(replies, '/verify#c=123456')
    expect(onNewAddress).toHaveBeenCalledExactlyOnceWith('123456')
    expect(onSignedIn).not.toHaveBeenCalled()
  })
})
