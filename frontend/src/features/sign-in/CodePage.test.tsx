import { fireEvent, render, screen } from '@testing-library/preact'
import { describe, expect, test, vi } from 'vitest'
import {
  FakeServer,
  json,
  noContent,
  noPendingCode,
  notSignedIn,
  pendingCode,
  type Reply,
  refusal,
  serverTime,
  signedIn,
  unavailable,
} from '../../shared/testing/server'
import { pass, settled, show } from '../../shared/testing/time'
import { CodePage } from './CodePage'

const read = 'GET /api/auth/code'
const verify = 'POST /api/auth/verify'
const resend = 'POST /api/auth/code/resend'
const wrong = (triesLeft: number) => refusal(401, 'wrong_code', 'Wrong.', { tries_left: triesLeft })
const verified = json({ ...signedIn, created: false })

async function open(replies: Record<string, Reply | Reply[]>, url = '/verify') {
  history.replaceState(null, '', url)
  const server = new FakeServer({ [read]: json(pendingCode()), ...replies })
  const onSignedIn = vi.fn()
  const onSignIn = vi.fn()
  render(<CodePage onSignedIn={onSignedIn} onSignIn={onSignIn} />)
  await settled()
  return { server, onSignedIn, onSignIn }
}
const field = () => screen.getByLabelText<HTMLInputElement>('6-digit code')
const type = async (value: string) => {
  fireEvent.input(field(), { target: { value } })
  await settled()
}
const press = async (name: string) => {
  const button = screen.getByRole('button', { name })
  button.focus()
  fireEvent.click(button)
  await settled()
}
const heading = () => screen.getByRole('heading', { level: 1 })
const selection = () => field().value.slice(field().selectionStart ?? 0, field().selectionEnd ?? 0)

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
    [4, 'You have four tries left.'],
    [1, 'You have one try left.'],
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

  test("and too many of them lock the code, in the server's words", async () => {
    await open({ [verify]: refusal(429, 'too_many_tries', 'Too many tries. Please ask for a new code.') })
    await type('123456')
    expect(heading().textContent).toBe('This code is locked')
    expect(screen.getByText('Too many tries. Please ask for a new code.')).toBeTruthy()
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
    const { server } = await open({ [read]: json(pendingCode({ expires_at: serverTime(90) })) })
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
    const replies = { [read]: noPendingCode(), 'GET /api/auth/session': json(signedIn) }
    const { onSignedIn } = await open(replies, '/verify#c=123456')
    expect(onSignedIn).toHaveBeenCalledOnce()
    expect(screen.queryByText('123 456')).toBeNull()
  })
})

describe('sending again', () => {
  test('waits by the clock of the server, whatever the one on the wall says', async () => {
    vi.setSystemTime(new Date(2001, 0, 1))
    const { server } = await open({ [resend]: json(pendingCode(), 202) })
    expect(screen.getByText('in 1:00')).toBeTruthy()
    await pass(18_000)
    expect(screen.getByText('in 0:42')).toBeTruthy()
    await press('Send the code again')
    expect(server.count(resend)).toBe(0)
    await pass(42_000)
    expect(screen.getByRole('button', { name: 'Send the code again' }).getAttribute('aria-disabled')).toBe('false')
    await press('Send the code again')
    expect(server.count(resend)).toBe(1)
    expect(screen.getByText('in 1:00')).toBeTruthy()
    expect(screen.getByText('Your request was received.').getAttribute('role')).toBe('status')
  })

  test('keeps what is being typed', async () => {
    await open({ [read]: json(pendingCode({ resend_at: serverTime(0) })), [resend]: json(pendingCode(), 202) })
    await type('123')
    await press('Send the code again')
    expect(field().value).toBe('123')
  })

  test('that fails says why', async () => {
    await open({ [read]: json(pendingCode({ resend_at: serverTime(0) })), [resend]: unavailable() })
    await press('Send the code again')
    expect(screen.getByRole('alert').textContent).toContain('Sana cannot reach its database.')
  })

  test('a sign-in that is gone leads to the form', async () => {
    const { onSignIn } = await open({
      [read]: json(pendingCode({ resend_at: serverTime(0) })),
      [resend]: noPendingCode(),
    })
    await press('Send the code again')
    expect(onSignIn).toHaveBeenCalledWith(expect.objectContaining({ email: 'grace@example.org' }))
  })

  test('is not undone by an older answer that comes late', async () => {
    let answer = (_: Response) => {}
    const late = new Promise<Response>((resolve) => {
      answer = resolve
    })
    const due = pendingCode({ resend_at: serverTime(0) })
    await open({ [read]: [json(due), late], [resend]: json(pendingCode({ delivery: 'queued' }), 202) })
    await show('visible')
    await press('Send the code again')
    answer(json(due))
    await settled()
    expect(screen.getByText('We are sending a code to')).toBeTruthy()
    expect(screen.getByText('in 1:00')).toBeTruthy()
  })

  test('counts long waits in hours', async () => {
    await open({ [read]: json(pendingCode({ resend_at: serverTime(3661) })) })
    expect(screen.getByText('in 1:01:01')).toBeTruthy()
  })
})

describe('the mail', () => {
  test('that is still queued is asked after, ever less often, until it is sent', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const queued = json(pendingCode({ delivery: 'queued' }))
    const { server } = await open({ [read]: [queued, queued, json(pendingCode())] })
    expect(screen.getByText('We are sending a code to')).toBeTruthy()
    await pass(1000)
    expect(server.count(read)).toBe(2)
    await pass(1999)
    expect(server.count(read)).toBe(2)
    await pass(1)
    expect(screen.getByText('We sent a code to')).toBeTruthy()
    await pass(300_000)
    expect(server.count(read)).toBe(3)
  })

  test('is not asked after behind the back of whoever looks elsewhere, but at once on return', async () => {
    const { server } = await open({ [read]: json(pendingCode({ delivery: 'queued' })) })
    await show('hidden')
    await pass(120_000)
    expect(server.count(read)).toBe(1)
    await show('visible')
    expect(server.count(read)).toBe(2)
  })

  test('that could not be delivered is said to be so', async () => {
    await open({ [read]: json(pendingCode({ delivery: 'failed' })) })
    expect(screen.getByText('We could not deliver the mail to')).toBeTruthy()
  })
})

describe('a sign-in that is gone', () => {
  test('leads to the form with an explanation', async () => {
    const { onSignIn } = await open({ [read]: noPendingCode() })
    expect(onSignIn).toHaveBeenCalledWith({ notice: expect.stringContaining('No sign-in is waiting') })
  })

  test('while the code was typed keeps the address', async () => {
    const { onSignIn } = await open({ [verify]: noPendingCode() })
    await type('123456')
    expect(onSignIn).toHaveBeenCalledWith({
      notice: expect.stringContaining('No sign-in is waiting'),
      email: 'grace@example.org',
    })
  })

  test('while the person looked elsewhere is noticed on return', async () => {
    const { onSignIn } = await open({ [read]: [json(pendingCode()), noPendingCode()] })
    await show('visible')
    expect(onSignIn).toHaveBeenCalledWith(expect.objectContaining({ email: 'grace@example.org' }))
  })
})

describe('trouble', () => {
  test('with the network keeps the code, which is sent again only by a press', async () => {
    const { server, onSignedIn } = await open({ [verify]: ['lost', verified] })
    await type('123456')
    expect(screen.getByRole('alert').textContent).toContain('Sana cannot be reached right now.')
    expect(field().value).toBe('123456')
    await pass(120_000)
    expect(server.count(verify)).toBe(1)
    await press('Sign in')
    expect(onSignedIn).toHaveBeenCalledOnce()
  })

  test('while asking again on return keeps the form and what was typed, and retries by itself', async () => {
    const { server } = await open({ [read]: [json(pendingCode()), unavailable(), json(pendingCode())] })
    await type('123')
    await show('visible')
    expect(screen.getByText(/Sana cannot reach its database/)).toBeTruthy()
    expect(field().value).toBe('123')
    await pass(1000)
    expect(server.count(read)).toBe(3)
    expect(screen.queryByText(/Sana cannot reach its database/)).toBeNull()
    expect(field().value).toBe('123')
  })

  test('before the first answer is said, and the page comes by itself', async () => {
    await open({ [read]: [unavailable({ retry_after: 7 }), json(pendingCode())] })
    expect(screen.getByRole('alert').textContent).toContain('Sana cannot reach its database.')
    await pass(6999)
    expect(heading().textContent).toBe('One moment, please')
    await pass(1)
    expect(heading().textContent).toBe('Enter your code')
  })
})

test('another address: the pending sign-in is given up and the address is there to be mended', async () => {
  const { server, onSignIn } = await open({ 'DELETE /api/auth/code': noContent() })
  await press('Use another address')
  expect(server.calls.at(-1)).toBe('DELETE /api/auth/code')
  expect(onSignIn).toHaveBeenCalledExactlyOnceWith({ email: 'grace@example.org' })
})
