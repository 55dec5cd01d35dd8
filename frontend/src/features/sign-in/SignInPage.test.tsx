import { fireEvent, render, screen } from '@testing-library/preact'
import { describe, expect, test, vi } from 'vitest'
import { TypoHint } from '../../shared/code/TypoHint'
import {
  codeRequest,
  FakeServer,
  html,
  json,
  refusal,
  unavailable,
} from '../../shared/testing/server'
import { settle } from '../../shared/testing/time'
import { type Arrival, SignInPage } from './SignInPage'

const call = 'POST /api/auth/code'

function open(arrival: Arrival = {}) {
  const onCodeRequested = vi.fn()
  render(
    <SignInPage
      arrival={arrival}
      app={undefined}
      stale={undefined}
      onCodeRequested={onCodeRequested}
    />,
  )
  return { onCodeRequested }
}
const field = () => screen.getByLabelText<HTMLInputElement>('Email address')
const type = (value: string) => fireEvent.input(field(), { target: { value } })
const press = async () => {
  const button = screen.getByRole('button', { name: 'Email me a code' })
  button.focus()
  fireEvent.click(button)
  await settle()
}

test.each([
  ['', 'Enter your email address.'],
  ['   ', 'Enter your email address.'],
  ['ada', 'Enter an address like name@example.com.'],
])('%j is rejected at the field, without a request', async (typed, words) => {
  const server = new FakeServer()
  open()
  type(typed)
  await press()
  expect(screen.getByRole('alert').textContent).toBe(words)
  expect(field().getAttribute('aria-invalid')).toBe('true')
  expect(document.activeElement).toBe(field())
  expect(server.calls).toEqual([])
})

test('an address is trimmed, and sent once if the button is pressed twice', async () => {
  const server = new FakeServer({ [call]: json(codeRequest(), 202) })
  const { onCodeRequested } = open()
  type(' ada@example.org ')
  press()
  await press()
  expect(server.requests.map(({ body }) => body)).toEqual([{ email: 'ada@example.org' }])
  expect(onCodeRequested).toHaveBeenCalledExactlyOnceWith(codeRequest())
})

test('an address is normalized, and shown so when it was refused', async () => {
  const server = new FakeServer({ [call]: refusal(400, 'invalid_email') })
  open()
  type('\u200bａｄａ＠example。org\u00a0')
  await press()
  expect(server.requests.map(({ body }) => body)).toEqual([{ email: 'ada@example.org' }])
  expect(field().value).toBe('ada@example.org')
})

describe('a browser', () => {
  const missing = () => refusal(409, 'browser_token_missing')
  const blocked = 'Your browser is blocking cookies. Allow them to sign in.'

  test('without cookies shows instructions before it sends anything', () => {
    vi.spyOn(navigator, 'cookieEnabled', 'get').mockReturnValue(false)
    open()
    expect(screen.getByRole('alert').textContent).toBe(blocked)
  })

  test('without a token gets one, and the request is repeated', async () => {
    const server = new FakeServer({ [call]: [missing(), json(codeRequest(), 202)] })
    const { onCodeRequested } = open()
    type('ada@example.org')
    await press()
    expect(server.requests.map(({ body }) => body)).toEqual(
      Array(2).fill({ email: 'ada@example.org' }),
    )
    expect(onCodeRequested).toHaveBeenCalledOnce()
    expect(screen.queryByRole('alert')).toBeNull()
  })

  test('that stores no token gets instructions for cookies', async () => {
    const server = new FakeServer({ [call]: missing() })
    const { onCodeRequested } = open()
    type('ada@example.org')
    await press()
    expect(server.count(call)).toBe(2)
    expect(screen.getByRole('alert').textContent).toBe(blocked)
    expect(field().value).toBe('ada@example.org')
    expect(onCodeRequested).not.toHaveBeenCalled()
  })
})

test('an address that the server rejects is reported at the field', async () => {
  new FakeServer({ [call]: refusal(400, 'invalid_email') })
  const { onCodeRequested } = open()
  type('ada@example')
  await press()
  expect(screen.getByRole('alert').textContent).toContain('Check it for typos')
  expect(field().getAttribute('aria-invalid')).toBe('true')
  expect(onCodeRequested).not.toHaveBeenCalled()
})

test.each([
  ['a 503', unavailable(), 'Sana is temporarily unavailable.'],
  ['an error page of a proxy', html(502), 'We can’t reach Sana right now.'],
  ['a lost network', 'lost' as const, 'We can’t reach Sana right now.'],
])('%s is reported, keeps the text, and the next press works', async (_, reply, words) => {
  const server = new FakeServer({ [call]: [reply, json(codeRequest(), 202)] })
  const { onCodeRequested } = open()
  type('ada@example.org')
  await press()
  expect(screen.getByRole('alert').textContent).toContain(words)
  expect(field().value).toBe('ada@example.org')
  expect(server.count(call)).toBe(1)
  await press()
  expect(onCodeRequested).toHaveBeenCalledOnce()
  expect(screen.queryByRole('alert')).toBeNull()
})

test('a limit disables the button and shows when it ends', async () => {
  const server = new FakeServer({
    [call]: refusal(429, 'too_many_requests', 'Later.', { retry_after: 541 }),
  })
  open()
  type('ada@example.org')
  await press()
  expect(screen.getByRole('alert').textContent).toBe('There have been too many requests.')
  const button = screen.getByRole('button', { name: 'Email me a code' })
  expect(button.getAttribute('aria-disabled')).toBe('true')
  const described = button.getAttribute('aria-describedby') ?? ''
  expect(document.getElementById(described)?.textContent).toBe('Try again in 9:01.')
  await press()
  expect(server.count(call)).toBe(1)
})

test('an internal error shows its request id', async () => {
  new FakeServer({
    [call]: refusal(500, 'internal_error', 'Something went wrong.', { request_id: 'abc-1' }),
  })
  open()
  type('ada@example.org')
  await press()
  expect(screen.getByRole('alert').textContent).toContain('quote abc-1')
})

test('a notice has the focus, and the address is in the field', () => {
  open({ notice: 'The sign-in is gone.', email: 'ada@example.org' })
  expect(screen.getByText('The sign-in is gone.')).toBeTruthy()
  expect(field().value).toBe('ada@example.org')
  expect(document.activeElement).toBe(screen.getByRole('heading', { level: 1, name: 'Sign in' }))
})

test('without a notice the field has the focus', () => {
  open()
  expect(document.activeElement).toBe(field())
  expect(document.title).toBe('Sign in – Sana')
})

test('a likely typing error in the domain is offered for correction', () => {
  render(
    <SignInPage
      arrival={{}}
      app={undefined}
      Hint={TypoHint}
      stale={undefined}
      onCodeRequested={vi.fn()}
    />,
  )
  type('ada@gmial.com')
  fireEvent.click(screen.getByRole('button', { name: 'ada@gmail.com' }))
  expect(field().value).toBe('ada@gmail.com')
  expect(screen.queryByRole('button', { name: 'ada@gmail.com' })).toBeNull()
})

test('a sign-in with a target has another title', () => {
  render(
    <SignInPage arrival={{}} app={undefined} leadsOn stale={undefined} onCodeRequested={vi.fn()} />,
  )
  expect(screen.getByRole('heading', { level: 1 }).textContent).toBe('Sign in to continue')
})
