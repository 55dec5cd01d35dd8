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
import { pass, settled, show } from '../shared/testing/time'
import { heading, openInside, press, session, type } from './openInside'

const otherTab = new BroadcastChannel('sana')
const shownAfter = async (news: string, reached: () => boolean) => {
  otherTab.postMessage(news)
  // The event does not use the fake clock.
  vi.useRealTimers()
  await vi.waitFor(() => {
    if (!reached()) throw new Error('not yet')
  })
  vi.useFakeTimers()
  await settled()
}
const title = (words: string) => () => document.querySelector('h1')?.textContent === words

afterEach(() => {
  document.body.hidden = false
})

describe('a target that requires a fresh sign-in', () => {
  const enter = '/enter?host=wiki.example.org&path=%2F'
  const open = (replies: Record<string, Reply | Reply[]>) =>
    openInside(`/?next=${encodeURIComponent(enter)}&fresh=1`, replies)

  test('asks signed-in users for a code, and continues with it', async () => {
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
  test('is redirected to the form, with the way back', async () => {
    await openInside('/account?tab=name', { [session]: notSignedIn() })
    expect(location.pathname + location.search).toBe('/?next=%2Faccount%3Ftab%3Dname')
    expect(heading().textContent).toBe('Sign in to continue')
  })

  test('after a revocation reads the reason, whichever call received it', async () => {
    const server = await openInside('/account', {
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

  test('according to one answer only, which another has crossed, stays where they are', async () => {
    const server = await openInside('/sessions', {
      'GET /api/sessions': [notSignedIn(), json({ complete: true, sessions: [thisSession] })],
    })
    await settled()
    expect(screen.getByText('This device')).toBeTruthy()
    expect(server.count(session)).toBe(2)
  })
})

test('an unavailable server keeps the page and its title, and is retried', async () => {
  const server = await openInside('/sessions', {
    'GET /api/sessions': [unavailable(), json({ complete: true, sessions: [] })],
  })
  expect(heading().textContent).toBe('Your devices')
  expect(screen.getByRole('alert').textContent).toContain('We’ll keep trying.')
  await pass(1000)
  expect(server.count('GET /api/sessions')).toBe(2)
  expect(screen.queryByRole('alert')).toBeNull()
})

describe('another tab', () => {
  test('that signs out does so for this one, and nothing of the user stays', async () => {
    await openInside('/account', { [session]: [json(signedIn), 'never'] })
    await shownAfter('signed_out', () => !document.body.textContent.includes('grace@example.org'))
    expect(document.querySelector('h1')).toBeNull()
  })

  test('that deletes the account is believed', async () => {
    await openInside('/account', { [session]: [json(signedIn), notSignedIn()] })
    await shownAfter('account_deleted', title('Your account has been deleted'))
    expect(location.pathname + location.search).toBe('/')
    await press('Go to the start page')
    expect(heading().textContent).toBe('Sign in')
  })

  test('that signs in brings this one there too', async () => {
    await openInside('/activity', {
      [session]: [notSignedIn(), json(signedIn)],
      'GET /api/account/events': json({ events: [] }),
    })
    await shownAfter('signed_in', title('Activity'))
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
    await openInside('/', { ...request, [code]: reply })
    await type('Email address', 'grace@example.org')
    await press('Email me a code')
  }

  test('with its code, leads to the pages of the current user', async () => {
    await openCode(noPendingCode())
    await shownAfter('signed_in', title('Hello, Grace'))
    expect(location.pathname).toBe('/')
  })

  test('with another address, stays', async () => {
    const arrived = pendingCode({ delivery: 'failed' })
    await openCode(json(arrived))
    await shownAfter('signed_in', () =>
      document.body.textContent.includes('We couldn’t deliver the email'),
    )
    expect(location.pathname).toBe('/verify')
  })
})

describe('a page that the browser keeps', () => {
  const turn = async (kind: 'pagehide' | 'pageshow', persisted = true) => {
    dispatchEvent(Object.assign(new Event(kind), { persisted }))
    await pass(0)
  }

  test('is blank while it is kept, and forgets the user before it is shown again', async () => {
    await openInside('/account', { [session]: [json(signedIn), 'never'] })
    await turn('pagehide')
    expect(document.body.hidden).toBe(true)
    await turn('pageshow')
    expect(document.body.hidden).toBe(false)
    expect(document.body.textContent).not.toContain('grace@example.org')
  })

  test('is shown again also if the session was revoked meanwhile', async () => {
    await openInside('/account', { [session]: [json(signedIn), notSignedIn()] })
    await turn('pagehide')
    await show('visible')
    await turn('pageshow')
    expect(document.body.hidden).toBe(false)
    expect(heading().textContent).toBe('Sign in')
  })

  test('with nothing to hide stays as it is', async () => {
    const server = await openInside('/', { [session]: notSignedIn() })
    await turn('pagehide')
    expect(document.body.hidden).toBe(false)
    await turn('pageshow')
    expect(server.count(session)).toBe(1)
  })

  test('or leaves for good is never blank', async () => {
    await openInside('/account')
    await turn('pagehide', false)
    expect(document.body.hidden).toBe(false)
  })
})

test('no network is said once, on every page, and is over by itself', async () => {
  await openInside('/account', {
    'GET /api/account': [
      json({ id: '', email: 'grace@example.org', name: '', created_at: '' }),
      'lost',
    ],
  })
  const online = vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false)
  dispatchEvent(new Event('offline'))
  await show('visible')
  expect(screen.getAllByText(/You’re offline/)).toHaveLength(1)
  online.mockReturnValue(true)
  dispatchEvent(new Event('online'))
  await settled()
  expect(screen.queryByText(/You’re offline/)).toBeNull()
})

test('a sign-out leads to the form, from wherever the other pages are', async () => {
  await openInside('/', {
    [session]: [json(signedIn), notSignedIn()],
    'POST /api/auth/sign-out': noContent(),
  })
  expect(screen.getByRole('link', { name: 'Overview' }).getAttribute('aria-current')).toBe('page')
  await press('Sign out')
  expect(screen.queryByRole('navigation')).toBeNull()
  expect(screen.getByText('You’ve signed out.')).toBeTruthy()
})

describe('an account that is gone while its session, in a cookie, does not know it', () => {
  const gone = () =>
    notSignedIn({ signed_out: { reason: 'account_deleted', at: '2026-01-01T00:00:00Z' } })

  test.each([
    ['/account', 'GET /api/account'],
    ['/activity', 'GET /api/account/events'],
  ])('%s ends the session and says so', async (path, read) => {
    const server = await openInside(path, {
      [read]: gone(),
      'POST /api/auth/sign-out': noContent(),
    })
    await settled()
    expect(heading().textContent).toBe('Your account has been deleted')
    expect(server.calls.filter((call) => call === 'POST /api/auth/sign-out')).toHaveLength(1)
  })

  test('so does a change of the name', async () => {
    await openInside('/account', {
      'PATCH /api/account': gone(),
      'POST /api/auth/sign-out': unavailable(),
    })
    await type('Name', 'Ada')
    await press('Save')
    expect(heading().textContent).toBe('Your account has been deleted')
  })
})
