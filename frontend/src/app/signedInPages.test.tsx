import { screen } from '@testing-library/preact'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  codeRequest,
  json,
  noContent,
  noPendingCode,
  notSignedIn,
  pendingCode,
  type Reply,
  signedIn,
  thisSession,
  unavailable,
} from '../shared/testing/server'
import { advance, settle, setVisibility } from '../shared/testing/time'
import { heading, openSignedIn, press, session, type } from './openSignedIn'

const otherTab = new BroadcastChannel('sana')
const receive = async (message: string, reached: () => boolean) => {
  otherTab.postMessage(message)
  // The event does not use the fake clock.
  vi.useRealTimers()
  await vi.waitFor(() => {
    if (!reached()) throw new Error('not yet')
  })
  vi.useFakeTimers()
  await settle()
}
const title = (words: string) => () => document.querySelector('h1')?.textContent === words

afterEach(() => {
  document.body.hidden = false
})

describe('a target that requires a fresh sign-in', () => {
  const enter = '/enter?host=wiki.example.org&path=%2F'
  const open = (replies: Record<string, Reply | Reply[]>) =>
    openSignedIn(`/?next=${encodeURIComponent(enter)}&fresh=1`, replies)

  test('requires a code from signed-in users, and continues with it', async () => {
    await open({
      'POST /api/auth/code': json(codeRequest(), 202),
      'GET /api/auth/code': json(pendingCode()),
      'POST /api/auth/verify': json({ ...signedIn, created: false }),
    })
    expect(screen.getByRole('dialog')).toBeTruthy()
    expect(location.pathname).toBe('/')
    await type('6-digit code', '123456')
    expect(location.pathname + location.search).toBe(enter)
  })

  test('accepts any sign-in if the visitor has to sign in first', async () => {
    await open({ [session]: notSignedIn() })
    expect(heading().textContent).toBe('Sign in')
    expect(screen.queryByRole('dialog')).toBeNull()
  })
})

describe('a visitor who is not signed in', () => {
  test('is redirected to the form, and returns afterwards', async () => {
    await openSignedIn('/account?tab=name', { [session]: notSignedIn() })
    expect(location.pathname + location.search).toBe('/?next=%2Faccount%3Ftab%3Dname')
    expect(heading().textContent).toBe('Sign in to continue')
  })

  test('after a revocation sees the reason, from any call', async () => {
    const server = await openSignedIn('/account', {
      [session]: [
        json(signedIn),
        notSignedIn({ signed_out: { reason: 'email_changed', by: 'Firefox on Linux' } }),
      ],
      'PATCH /api/account': notSignedIn(),
    })
    await press('Save')
    expect(server.count(session)).toBe(2)
    expect(location.search).toBe('?next=%2Faccount')
    expect(
      screen.getByText(
        'You were signed out because your email address was changed, using Firefox on Linux.',
      ),
    ).toBeTruthy()
    expect(document.body.textContent).not.toContain('grace@example.org')
  })

  test('according to one outdated response only stays on the page', async () => {
    const server = await openSignedIn('/sessions', {
      'GET /api/sessions': [notSignedIn(), json({ complete: true, sessions: [thisSession] })],
    })
    await settle()
    expect(screen.getByText('This device')).toBeTruthy()
    expect(server.count(session)).toBe(2)
  })
})

test('an unavailable server keeps the page and its title, and is retried', async () => {
  const server = await openSignedIn('/sessions', {
    'GET /api/sessions': [unavailable(), json({ complete: true, sessions: [] })],
  })
  expect(heading().textContent).toBe('Your devices')
  expect(screen.getByRole('alert').textContent).toContain('We’ll keep trying.')
  await advance(1000)
  expect(server.count('GET /api/sessions')).toBe(2)
  expect(screen.queryByRole('alert')).toBeNull()
})

describe('another tab', () => {
  test('that signs out signs out this one, and nothing of the user stays', async () => {
    await openSignedIn('/account', { [session]: [json(signedIn), 'never'] })
    await receive('signed_out', () => !document.body.textContent.includes('grace@example.org'))
    expect(document.querySelector('h1')).toBeNull()
  })

  test('that deletes the account ends this session too', async () => {
    await openSignedIn('/account', { [session]: [json(signedIn), notSignedIn()] })
    await receive('account_deleted', title('Your account has been deleted'))
    expect(location.pathname + location.search).toBe('/')
    await press('Go to the start page')
    expect(heading().textContent).toBe('Sign in')
  })

  test('that signs in signs in this one too', async () => {
    await openSignedIn('/activity', {
      [session]: [notSignedIn(), json(signedIn)],
      'GET /api/account/events': json({ events: [] }),
    })
    await receive('signed_in', title('Activity'))
    expect(location.pathname).toBe('/activity')
  })
})

describe('the code page, when another tab signs in', () => {
  const code = 'GET /api/auth/code'
  const request = {
    [session]: [notSignedIn(), json(signedIn)],
    'POST /api/auth/code': json(codeRequest(pendingCode({ delivery: 'delivered' })), 202),
  }
  const openCode = async (reply: Reply) => {
    await openSignedIn('/', { ...request, [code]: reply })
    await type('Email address', 'grace@example.org')
    await press('Email me a code')
  }

  test('with its code, leads to the pages of the current user', async () => {
    await openCode(noPendingCode())
    await receive('signed_in', title('Hello, Grace'))
    expect(location.pathname).toBe('/')
  })

  test('with another address, stays', async () => {
    const arrived = pendingCode({ delivery: 'failed' })
    await openCode(json(arrived))
    await receive('signed_in', () =>
      document.body.textContent.includes('We couldn’t deliver the email'),
    )
    expect(location.pathname).toBe('/verify')
  })
})

describe('a page in the back/forward cache', () => {
  const transition = async (kind: 'pagehide' | 'pageshow', persisted = true) => {
    dispatchEvent(Object.assign(new Event(kind), { persisted }))
    await advance(0)
  }

  test('is blank while stored, and removes the user before it is shown again', async () => {
    await openSignedIn('/account', { [session]: [json(signedIn), 'never'] })
    await transition('pagehide')
    expect(document.body.hidden).toBe(true)
    await transition('pageshow')
    expect(document.body.hidden).toBe(false)
    expect(document.body.textContent).not.toContain('grace@example.org')
  })

  test('is shown again also if the session was revoked meanwhile', async () => {
    await openSignedIn('/account', { [session]: [json(signedIn), notSignedIn()] })
    await transition('pagehide')
    await setVisibility('visible')
    await transition('pageshow')
    expect(document.body.hidden).toBe(false)
    expect(heading().textContent).toBe('Sign in')
  })

  test('without a user stays unchanged', async () => {
    const server = await openSignedIn('/', { [session]: notSignedIn() })
    await transition('pagehide')
    expect(document.body.hidden).toBe(false)
    await transition('pageshow')
    expect(server.count(session)).toBe(1)
  })

  test('that is left for good is never blank', async () => {
    await openSignedIn('/account')
    await transition('pagehide', false)
    expect(document.body.hidden).toBe(false)
  })
})

test('a lost network is reported once on every page until it returns', async () => {
  await openSignedIn('/account', {
    'GET /api/account': [
      json({ id: '', email: 'grace@example.org', name: '', created_at: '' }),
      'lost',
    ],
  })
  const online = vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false)
  dispatchEvent(new Event('offline'))
  await setVisibility('visible')
  expect(screen.getAllByText(/You’re offline/)).toHaveLength(1)
  online.mockReturnValue(true)
  dispatchEvent(new Event('online'))
  await settle()
  expect(screen.queryByText(/You’re offline/)).toBeNull()
})

test('a sign-out leads to the form and removes the navigation', async () => {
  await openSignedIn('/', {
    [session]: [json(signedIn), notSignedIn()],
    'POST /api/auth/sign-out': noContent(),
  })
  expect(screen.getByRole('link', { name: 'Overview' }).getAttribute('aria-current')).toBe('page')
  await press('Sign out')
  expect(screen.queryByRole('navigation')).toBeNull()
  expect(screen.getByText('You’ve signed out.')).toBeTruthy()
})

describe('a deleted account with a session that is still valid', () => {
  const deleted = () =>
    notSignedIn({ signed_out: { reason: 'account_deleted', at: '2026-01-01T00:00:00Z' } })

  test.each([
    ['/account', 'GET /api/account'],
    ['/activity', 'GET /api/account/events'],
  ])('%s signs out and shows the reason', async (path, read) => {
    const server = await openSignedIn(path, {
      [read]: deleted(),
      'POST /api/auth/sign-out': noContent(),
    })
    await settle()
    expect(heading().textContent).toBe('Your account has been deleted')
    expect(server.calls.filter((call) => call === 'POST /api/auth/sign-out')).toHaveLength(1)
  })

  test('a change of the name signs out too', async () => {
    await openSignedIn('/account', {
      'PATCH /api/account': deleted(),
      'POST /api/auth/sign-out': unavailable(),
    })
    await type('Name', 'Ada')
    await press('Save')
    expect(heading().textContent).toBe('Your account has been deleted')
  })
})
