import { cleanup, fireEvent, screen } from '@testing-library/preact'
import { describe, expect, test, vi } from 'vitest'
import {
  codeRequest,
  html,
  json,
  noContent,
  noPendingCode,
  notSignedIn,
  pendingCode,
  refusal,
  serverTime,
  signedIn,
} from '../../shared/testing/server'
import { advance, settle, setVisibility } from '../../shared/testing/time'
import {
  field,
  fill,
  heading,
  open,
  openAgain,
  press,
  read,
  resend,
  selection,
  sent,
  type,
  verified,
  verify,
  wrong,
} from './openCodePage'

describe('a typed code', () => {
  test('is entered on a page with the address and a focused field', async () => {
    await open({})
    expect(document.title).toBe('Check your email – Sana')
    expect(document.activeElement).toBe(field())
    const described = field().getAttribute('aria-describedby')?.split(' ') ?? []
    expect(described.map((id) => document.getElementById(id)?.textContent).join(' ')).toContain(
      'We sent a code to grace@example.org.',
    )
  })

  test('can have the number of digits that the server sends', async () => {
    const { server } = await open({
      [read]: json(pendingCode({ code_length: 8 })),
      [verify]: verified,
    })
    fireEvent.input(screen.getByLabelText('8-digit code'), { target: { value: '1234 5678' } })
    await settle()
    expect(server.requests.at(-1)?.body).toEqual({ code: '12345678', email: 'grace@example.org' })
  })

  test('is submitted when it is complete, without spaces and dashes', async () => {
    const { server, onSignedIn } = await open({ [verify]: ['never', verified] })
    await type('123 45')
    expect(server.count(verify)).toBe(0)
    expect(field().value).toBe('12345')
    await type('12345-')
    expect(field().value).toBe('12345')
    await type('123 45-6')
    expect(server.requests.at(-1)?.body).toEqual({ code: '123456', email: 'grace@example.org' })
    expect(screen.getByText('Checking the code…').closest('[role=status]')).toBeTruthy()
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

  test('is neither rewritten nor submitted while an input method composes it', async () => {
    const { server } = await open({ [verify]: verified })
    fireEvent.compositionStart(field())
    for (const value of ['８８', '８８６０', '８８６０６９']) await type(value)
    expect(field().value).toBe('８８６０６９')
    fireEvent.submit(field())
    await settle()
    expect(server.count(verify)).toBe(0)
    fireEvent.compositionEnd(field())
    await settle()
    expect(server.requests.map(({ body }) => body).at(-1)).toEqual({
      code: '886069',
      email: 'grace@example.org',
    })
    expect(server.count(verify)).toBe(1)
  })

  test('is checked alone: the field is read-only meanwhile', async () => {
    const { server } = await open({ [verify]: 'never' })
    await type('123456')
    await type('654321')
    expect(server.count(verify)).toBe(1)
    expect(field().readOnly).toBe(true)
  })

  test('that is incomplete is explained and uses no attempt', async () => {
    const { server } = await open({})
    await type('1234')
    await press('Sign in')
    expect(screen.getByRole('alert').textContent).toBe('Enter all 6 digits. You’ve entered 4.')
    expect(server.count(verify)).toBe(0)
  })
})

describe('a wrong code', () => {
  test.each([
    [4, 'You have 4 tries left.'],
    [1, 'You have 1 try left.'],
  ])('with %i tries left is reported, and its text is selected', async (left, words) => {
    await open({ [verify]: wrong(left) })
    await type('123456')
    expect(screen.getByRole('alert').textContent).toContain(words)
    expect(field().getAttribute('aria-invalid')).toBe('true')
    expect(document.activeElement).toBe(field())
    expect(selection()).toBe('123456')
  })

  test('does not submit autofilled codes until the user types', async () => {
    const { server } = await open({ [verify]: wrong(4) })
    for (const value of ['123451', '123452', '123453', '123454', '123455']) await fill(value)
    expect(server.count(verify)).toBe(1)
    expect(field().value).toBe('123455')
    await press('Sign in')
    expect(server.count(verify)).toBe(2)
    await fill('123456')
    expect(server.count(verify)).toBe(2)
    await type('12345')
    await type('123457')
    expect(server.count(verify)).toBe(3)
  })

  test('without attempts left locks the code and offers a new one', async () => {
    await open({ [verify]: wrong(0) })
    await type('123456')
    expect(heading().textContent).toBe('Too many wrong tries')
    expect(document.activeElement).toBe(heading())
    expect(screen.queryByLabelText('6-digit code')).toBeNull()
    expect(screen.getByRole('button', { name: 'Get a new code' })).toBeTruthy()
  })

  test('in a locked challenge locks the page', async () => {
    await open({ [verify]: refusal(429, 'too_many_tries') })
    await type('123456')
    expect(heading().textContent).toBe('Too many wrong tries')
    expect(screen.getByText('For your security, this code no longer works.')).toBeTruthy()
  })

  test('after a lock the page continues with a new code', async () => {
    const due = json(pendingCode({ resend_at: serverTime(0) }))
    await open({ [read]: due, [verify]: refusal(429, 'too_many_tries'), [resend]: sent() })
    await type('123456')
    await press('Get a new code')
    expect(heading().textContent).toBe('Check your email')
  })

  test('in a locked challenge is still locked after a reload', async () => {
    await open({ [read]: json(pendingCode({ tries_left: 0 })) })
    expect(heading().textContent).toBe('Too many wrong tries')
  })
})

describe('an expired code', () => {
  test('is detected without a request', async () => {
    const { server } = await open({
      [read]: json(pendingCode({ delivery: 'delivered', expires_at: serverTime(90) })),
    })
    await advance(89_999)
    expect(heading().textContent).toBe('Check your email')
    await advance(1)
    expect(heading().textContent).toBe('This code has expired')
    expect(document.title).toBe('This code has expired – Sana')
    expect(document.activeElement).toBe(heading())
    expect(server.count(read)).toBe(1)
  })

  test('refused by the server is reported at once', async () => {
    await open({ [verify]: refusal(410, 'code_expired') })
    await type('123456')
    expect(heading().textContent).toBe('This code has expired')
  })

  test('is replaced by the form when a new one was sent', async () => {
    const old = json(pendingCode({ expires_at: serverTime(-1), resend_at: serverTime(-1) }))
    const { server } = await open({ [read]: old, [resend]: sent() })
    await press('Get a new code')
    expect(server.requests.at(-1)).toMatchObject({ call: resend, body: { id: pendingCode().id } })
    expect(heading().textContent).toBe('Check your email')
    expect(document.activeElement).toBe(field())
  })

  test("has its expiry in the user's local time", async () => {
    vi.setSystemTime(new Date(2026, 2, 14, 9, 26))
    await open({})
    const time = screen.getByText(/^0?9:36/)
    expect(time.getAttribute('datetime')).toBe(new Date(2026, 2, 14, 9, 36).toISOString())
  })
})

describe("a code from the mail's link", () => {
  test('is filled in, waits for a press, and leaves the address bar', async () => {
    const { server, onSignedIn } = await open({ [verify]: verified }, '/verify#c=123456')
    expect(location.href).toMatch(/\/verify$/)
    expect(field().value).toBe('123456')
    await advance(60_000)
    expect(server.count(verify)).toBe(0)
    await press('Sign in')
    expect(server.requests.at(-1)?.body).toEqual({ code: '123456', email: 'grace@example.org' })
    expect(onSignedIn).toHaveBeenCalledOnce()
  })

  test('is also read from a second link in the same tab', async () => {
    const { server } = await open({})
    history.replaceState(null, '', '/verify#c=654321')
    dispatchEvent(new Event('hashchange'))
    await settle()
    expect(field().value).toBe('654321')
    expect(location.hash).toBe('')
    expect(server.count(verify)).toBe(0)
  })

  test('requested in another browser can be entered there', async () => {
    const replies = { [read]: noPendingCode(), 'GET /api/auth/session': notSignedIn() }
    const { onSignIn } = await open(replies, '/verify#c=123456')
    expect(screen.getByText('Enter it in the browser where you started signing in:')).toBeTruthy()
    expect(screen.getByText('123 456')).toBeTruthy()
    expect(onSignIn).not.toHaveBeenCalled()
    await press('Sign in here')
    expect(onSignIn).toHaveBeenCalledExactlyOnceWith({})
  })

  test('is not usable in a browser without a pending sign-in', async () => {
    const { onSignIn } = await open(
      { [read]: [json(pendingCode()), noPendingCode()] },
      '/verify#c=123456',
    )
    await setVisibility('visible')
    expect(onSignIn).toHaveBeenCalledWith(expect.objectContaining({ email: 'grace@example.org' }))
  })

  test('is not needed if the user is signed in already', async () => {
    const replies = {
      [read]: noPendingCode(),
      'GET /api/auth/session': json(signedIn),
      'GET /api/account/email': noPendingCode(),
    }
    const { onSignedIn } = await open(replies, '/verify#c=123456')
    expect(onSignedIn).toHaveBeenCalledOnce()
    expect(screen.queryByText('123 456')).toBeNull()
  })

  test('for a new address leads to the account page, which expects it', async () => {
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

describe('a code that was just requested', () => {
  test('is shown without a request, and polled for the delivery status', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { server } = await open(
      { [read]: json(pendingCode({ delivery: 'delivered' })) },
      '/verify',
      codeRequest(),
    )
    expect(server.calls).toEqual([])
    expect(document.activeElement).toBe(field())
    await advance(1000)
    expect(server.calls).toEqual([`${read}?id=${pendingCode().id}`])
    expect(screen.getByText(/We sent a code to/)).toBeTruthy()
  })
})

describe('with another tab and another address', () => {
  const other = pendingCode({
    id: 'a1b2c3d4-0000-4000-8000-000000000000',
    email: 'ada@example.org',
  })
  const own = `${read}?id=${pendingCode().id}`
  const replies = () => ({
    [read]: json(other),
    [own]: json(pendingCode({ delivery: 'delivered', resend_at: serverTime(0) })),
  })

  test('the page keeps its own code, also after a reload', async () => {
    const { server } = await open(replies(), '/verify', codeRequest())
    await setVisibility('visible')
    expect(screen.getByText('grace@example.org')).toBeTruthy()
    expect(server.calls).toEqual([own])
    cleanup()
    const reloaded = await openAgain(replies())
    expect(screen.getByText('grace@example.org')).toBeTruthy()
    expect(reloaded.server.calls).toEqual([own])
  })

  test('the page resends, verifies and cancels its own code only', async () => {
    const cancel = 'DELETE /api/auth/code'
    const { server } = await open(
      { ...replies(), [resend]: sent(), [verify]: wrong(4), [cancel]: noContent() },
      '/verify',
      codeRequest(pendingCode({ resend_at: serverTime(0) })),
    )
    await press('Resend code')
    await type('123456')
    await press('Use a different email address')
    const { id, email } = pendingCode()
    expect(server.requests.map(({ call, body }) => [call, body])).toEqual([
      [resend, { id }],
      [verify, { code: '123456', email }],
      [`${cancel}?id=${id}`, undefined],
    ])
  })

  test('a new code after a spent one has its own id', async () => {
    const renewed = pendingCode({ id: 'b1b2c3d4-0000-4000-8000-000000000000', delivery: 'queued' })
    const expired = json(pendingCode({ expires_at: serverTime(-1), resend_at: serverTime(-1) }))
    const { server } = await open({
      [read]: [expired, json(renewed)],
      [resend]: sent(codeRequest(renewed)),
    })
    await press('Get a new code')
    await advance(1000)
    expect(server.calls.at(-1)).toBe(`${read}?id=${renewed.id}`)
  })

  test('a page without a known code shows the newest', async () => {
    const { server } = await open(replies())
    expect(screen.getByText('ada@example.org')).toBeTruthy()
    expect(server.calls).toEqual([read])
  })
})

describe('a right code whose response is lost', () => {
  test('is sent again until there is a response, and signs in', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { server, onSignedIn } = await open({ [verify]: ['lost', html(502), verified] })
    await type('123456')
    expect(screen.getByRole('alert').textContent).toBe(
      'We can’t reach Sana right now. We’ll keep trying.',
    )
    expect(field().readOnly).toBe(true)
    await advance(1000)
    await advance(2000)
    expect(onSignedIn).toHaveBeenCalledOnce()
    const bodies = server.requests.filter(({ call }) => call === verify).map(({ body }) => body)
    expect(bodies).toEqual(Array(3).fill({ code: '123456', email: 'grace@example.org' }))
  })

  test('keeps the page while the server reports that no code is pending', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const { server, onSignedIn, onSignIn } = await open({
      [read]: [json(pendingCode()), noPendingCode()],
      [verify]: ['lost', verified],
    })
    await type('123456')
    await setVisibility('visible')
    dispatchEvent(new Event('online'))
    await settle()
    expect(onSignIn).not.toHaveBeenCalled()
    expect(onSignedIn).toHaveBeenCalledOnce()
    expect(server.count(verify)).toBe(2)
  })

  test('is sent again as soon as the network is back', async () => {
    const { server } = await open({ [verify]: ['lost', wrong(4)] })
    await type('123456')
    dispatchEvent(new Event('online'))
    await settle()
    expect(server.count(verify)).toBe(2)
    expect(screen.getByRole('alert').textContent).toContain('4 tries left')
  })

  test('is not repeated after two minutes, the lifetime of the response', async () => {
    const { server } = await open({ [verify]: 'lost' })
    await type('123456')
    await advance(120_000)
    expect(screen.getByRole('alert').textContent).toContain('Nothing was lost')
    expect(field().readOnly).toBe(false)
    const attempts = server.count(verify)
    await advance(600_000)
    expect(server.count(verify)).toBe(attempts)
    await press('Sign in')
    expect(server.count(verify)).toBe(attempts + 1)
  })
})

test('a status poll during a check is done after a wrong code', async () => {
  let respond = (_: Response) => {}
  const late = new Promise<Response>((resolve) => {
    respond = resolve
  })
  const { server } = await open({ [verify]: late })
  await type('123456')
  await setVisibility('visible')
  expect(server.count(read)).toBe(1)
  respond(wrong(4))
  await settle()
  expect(server.count(read)).toBe(2)
  expect(field()).toBeTruthy()
})
