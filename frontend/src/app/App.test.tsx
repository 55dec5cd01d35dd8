import { cleanup, fireEvent, screen } from '@testing-library/preact'
import { describe, expect, test, vi } from 'vitest'
import type { SignedOut } from '../shared/api/http'
import { use } from '../shared/i18n/text'
import { allTexts } from '../shared/testing/catalogues'
import {
  codeRequest,
  json,
  noContent,
  noPendingCode,
  notSignedIn,
  pendingCode,
  signedIn,
  unavailable,
} from '../shared/testing/server'
import { advance, settle, setVisibility } from '../shared/testing/time'
import { field, heading, open, press, session, type } from './openSignedIn'

const go = async (path: string) => {
  history.pushState(null, '', path)
  dispatchEvent(new PopStateEvent('popstate'))
  await settle()
}
test('a sign-in leads from the address over the code to the home page', async () => {
  await open('/', {
    [session]: [notSignedIn(), json(signedIn)],
    'POST /api/auth/code': json(codeRequest(), 202),
    'GET /api/auth/code': json(pendingCode()),
    'POST /api/auth/verify': json({ ...signedIn, created: true }),
  })
  await type('Email address', 'grace@example.org')
  await press('Email me a code')
  expect(location.pathname).toBe('/verify')
  const pages = history.length
  await type('6-digit code', '123456')
  // The used code's page is replaced: going back must not lead to it.
  expect(history.length).toBe(pages)
  expect(location.pathname).toBe('/')
  expect(heading().textContent).toBe('Hello, Grace')
  expect(document.activeElement).toBe(heading())
  expect(document.title).toBe('Hello, Grace – Sana')
  expect(screen.getAllByText('grace@example.org')[0]).toBeTruthy()
})

test('a sign-in on a code page served without a session leads to the home page', async () => {
  document.documentElement.dataset.session = 'none'
  const server = await open('/verify', {
    [session]: json(signedIn),
    'GET /api/auth/code': json(pendingCode()),
    'POST /api/auth/verify': json({ ...signedIn, created: true }),
  })
  await type('6-digit code', '123456')
  expect(heading().textContent).toBe('Hello, Grace')
  expect(server.count(session)).toBe(1)
})

test('a form served without a session does not read the session', async () => {
  document.documentElement.dataset.session = 'none'
  const server = await open('/')
  expect(heading().textContent).toBe('Sign in')
  expect(server.calls).toEqual([])
})

test('a sign-in returns to the requested page, also after a reload of the code page', async () => {
  const replies = {
    [session]: [notSignedIn(), json(signedIn)],
    'POST /api/auth/code': json(codeRequest(), 202),
    'GET /api/auth/code': json(pendingCode()),
    'POST /api/auth/verify': json({ ...signedIn, created: true }),
  }
  await open('/?next=%2Faccount%3Ftab%3Dmail', replies)
  await type('Email address', 'grace@example.org')
  await press('Email me a code')
  expect(location.pathname + location.search).toBe('/verify?next=%2Faccount%3Ftab%3Dmail')
  await type('6-digit code', '123456')
  expect(location.pathname + location.search).toBe('/account?tab=mail')
})

test('A-27: a sign-in leads to no other origin', async () => {
  await open('/?next=%2F%2Fevil.example', { [session]: json(signedIn) })
  expect(location.pathname).toBe('/')
  expect(heading().textContent).toBe('Hello, Grace')
})

test('a sign-in in another tab is noticed on return', async () => {
  await open('/', { [session]: [notSignedIn(), json(signedIn)] })
  await setVisibility('visible')
  expect(heading().textContent).toBe('Hello, Grace')
})

test('a session revoked elsewhere is noticed on return, with a message', async () => {
  await open('/', { [session]: [json(signedIn), notSignedIn()] })
  await setVisibility('visible')
  expect(heading().textContent).toBe('Sign in')
  expect(screen.getByText('Your session has ended.')).toBeTruthy()
  expect(document.body.textContent).not.toContain('grace@example.org')
})

const idle: SignedOut = { reason: 'idle' }
const whyIdle = 'You were signed out because you hadn’t used this browser for a while.'

test("a revoked session's reason is shown before the form, also after a reload", async () => {
  const replies = { [session]: notSignedIn({ signed_out: idle }) }
  await open('/', replies)
  expect(screen.getByText(whyIdle).closest('[role=status]')).toBeTruthy()
  expect(screen.queryByRole('alert')).toBeNull()
  expect(document.activeElement).toBe(heading())
  cleanup()
  await open('/', replies)
  expect(screen.getByText(whyIdle)).toBeTruthy()
})

test('a session revoked while its page was open shows the reason on return', async () => {
  await open('/', {
    [session]: [
      json(signedIn),
      notSignedIn({ signed_out: { reason: 'ended_elsewhere', by: 'Safari on iOS' } }),
    ],
  })
  await setVisibility('visible')
  expect(screen.getByText('You were signed out from another device (Safari on iOS).')).toBeTruthy()
  expect(screen.queryByText(/Your session has ended/)).toBeNull()
})

test.each([
  ['on arrival', [notSignedIn({ signed_out: { reason: 'signed_out' } })]],
  [
    'on return to another tab',
    [json(signedIn), notSignedIn({ signed_out: { reason: 'signed_out' } })],
  ],
])('a sign-out in this browser shows no reason, %s', async (_, replies) => {
  await open('/', { [session]: replies })
  await setVisibility('visible')
  expect(heading().textContent).toBe('Sign in')
  expect(document.body.textContent).not.toMatch(/signed out|has ended/i)
})

test('after a code request the reason of the last sign-out is not shown again', async () => {
  await open('/', {
    [session]: notSignedIn({ signed_out: idle }),
    'POST /api/auth/code': json(codeRequest(), 202),
    'GET /api/auth/code': json(pendingCode()),
    'DELETE /api/auth/code': noContent(),
  })
  expect(screen.getByText(whyIdle)).toBeTruthy()
  await type('Email address', 'grace@example.org')
  await press('Email me a code')
  expect(screen.queryByText(whyIdle)).toBeNull()
  await press('Use a different email address')
  expect(heading().textContent).toBe('Sign in')
  expect(screen.queryByText(whyIdle)).toBeNull()
})

test('a session that began and was revoked on one page shows the reason too', async () => {
  await open('/', {
    [session]: [notSignedIn(), json(signedIn), notSignedIn({ signed_out: idle })],
    'POST /api/auth/code': json(codeRequest(), 202),
    'GET /api/auth/code': json(pendingCode()),
    'POST /api/auth/verify': json({ ...signedIn, created: true }),
  })
  await type('Email address', 'grace@example.org')
  await press('Email me a code')
  await type('6-digit code', '123456')
  await go('/nowhere')
  await go('/')
  expect(screen.getByText(whyIdle)).toBeTruthy()
  expect(field('Email address').value).toBe('grace@example.org')
})

test.each([
  ['is no longer known', [notSignedIn({ signed_out: idle }), notSignedIn()]],
  ['becomes known', [notSignedIn(), notSignedIn({ signed_out: idle })]],
])('typed text and focus stay when the reason %s', async (_, replies) => {
  await open('/', { [session]: replies })
  const email = field('Email address')
  email.focus()
  await type('Email address', 'ada@exam')
  const select = vi.spyOn(email, 'select')
  await setVisibility('visible')
  expect(document.activeElement).toBe(email)
  expect(email.value).toBe('ada@exam')
  expect(select).not.toHaveBeenCalled()
})

test("a sign-out removes the user's data, even if the network fails afterwards", async () => {
  const server = await open('/', {
    [session]: [json(signedIn), 'lost', notSignedIn()],
    'POST /api/auth/sign-out': noContent(),
  })
  await press('Sign out')
  expect(server.calls).toContain('POST /api/auth/sign-out')
  expect(document.body.textContent).not.toContain('grace@example.org')
  await advance(1000)
  expect(screen.getByText('You’ve signed out.')).toBeTruthy()
  expect(field('Email address').value).toBe('')
  expect(document.activeElement).toBe(heading())
})

test('a sign-out whose response is lost is repeated', async () => {
  const server = await open('/', {
    [session]: [json(signedIn), notSignedIn()],
    'POST /api/auth/sign-out': ['lost', noContent()],
  })
  await press('Sign out')
  expect(screen.getByRole('alert').textContent).toContain('We’ll keep trying.')
  await advance(1000)
  expect(server.count('POST /api/auth/sign-out')).toBe(2)
  expect(screen.getByText('You’ve signed out.')).toBeTruthy()
  expect(document.body.textContent).not.toContain('grace@example.org')
})

test('a failed sign-out is reported, and the user is still signed in', async () => {
  await open('/', { [session]: json(signedIn), 'POST /api/auth/sign-out': unavailable() })
  await press('Sign out')
  expect(screen.getByRole('alert').textContent).toContain('You’re still signed in')
  expect(screen.getAllByText('grace@example.org')[0]).toBeTruthy()
})

test('the form keeps the address after a session is lost', async () => {
  await open('/', {
    [session]: notSignedIn(),
    'POST /api/auth/code': json(codeRequest(), 202),
    'GET /api/auth/code': noPendingCode(),
  })
  await type('Email address', 'grace@example.org')
  await press('Email me a code')
  await advance(1000)
  expect(screen.getByText(/no longer valid in this browser/)).toBeTruthy()
  expect(field('Email address').value).toBe('grace@example.org')
})

test('a lost sign-in leads to the form, with the reason and the address', async () => {
  await open('/verify', {
    [session]: notSignedIn(),
    'GET /api/auth/code': json(pendingCode()),
    'POST /api/auth/verify': noPendingCode(),
  })
  await type('6-digit code', '123456')
  expect(location.pathname).toBe('/')
  expect(screen.getByText(/no longer valid in this browser/)).toBeTruthy()
  expect(field('Email address').value).toBe('grace@example.org')
})

test('an unknown path shows a page with a link to the start', async () => {
  const server = await open('/nowhere')
  expect(heading().textContent).toBe('Page not found')
  expect(document.title).toBe('Page not found – Sana')
  expect(screen.getByRole('link', { name: 'Go to the start page' }).getAttribute('href')).toBe('/')
  expect(server.calls).toEqual([])
})

describe('the address that signed in last', () => {
  test('is filled in on the next visit, and removed for another user', async () => {
    localStorage.setItem('email', 'grace@example.org')
    await open('/', { [session]: notSignedIn() })
    expect(field('Email address').value).toBe('grace@example.org')
    const reload = vi.spyOn(location, 'reload').mockReturnValue()
    await press('Not you? Use a different email address')
    expect(reload).toHaveBeenCalledOnce()
    cleanup()
    await open('/', { [session]: notSignedIn() })
    expect(field('Email address').value).toBe('')
  })

  test('is stored by a sign-in, not by a code request', async () => {
    await open('/', {
      [session]: [notSignedIn(), json(signedIn)],
      'POST /api/auth/code': json(codeRequest(), 202),
      'GET /api/auth/code': json(pendingCode()),
      'POST /api/auth/verify': json({ ...signedIn, created: true }),
    })
    fireEvent.input(field('Email address'), { target: { value: 'grace@example.org' } })
    await press('Email me a code')
    expect(localStorage.getItem('email')).toBeNull()
    fireEvent.input(screen.getByLabelText('6-digit code'), { target: { value: '123456' } })
    await settle()
    expect(localStorage.getItem('email')).toBe('grace@example.org')
    expect(screen.getByText(/^Welcome!/)).toBeTruthy()
  })
})

test('the language can be chosen, and is sent with each request', async () => {
  use(allTexts.en, 'en-US')
  const server = await open('/', { [session]: notSignedIn() })
  expect(new Headers(server.requests[0]?.init.headers).get('Accept-Language')).toBe('en-US')
  const choice = await screen.findByLabelText<HTMLSelectElement>('Language')
  expect(choice.value).toBe('en')
})
