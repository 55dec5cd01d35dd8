import { screen } from '@testing-library/preact'
import { afterEach, beforeEach, describe, expect, type MockInstance, test, vi } from 'vitest'
import { codeRequest, json, notSignedIn, pendingCode, signedIn } from '../shared/testing/server'
import { settle } from '../shared/testing/time'
import { open, press, session, type } from './openSignedIn'

describe('a visitor from an app', () => {
  const enter = '/enter?host=wiki.example.org&path=%2Fpage&nonce_hash=abc'
  const fromWiki = `/?next=${encodeURIComponent(enter)}`
  const app = { 'GET /api/apps/{host}': json({ id: 'wiki', name: 'Wiki' }) }
  let navigated: MockInstance<(url: string | URL) => void>
  beforeEach(() => {
    navigated = vi.spyOn(location, 'replace').mockImplementation(() => {})
  })
  afterEach(() => navigated.mockRestore())

  test('sees the name of the app, requests a code for it, and returns there', async () => {
    const server = await open(fromWiki, {
      ...app,
      [session]: [notSignedIn(), json(signedIn)],
      'POST /api/auth/code': json(codeRequest(), 202),
      'GET /api/auth/code': json(pendingCode()),
      'POST /api/auth/verify': json({ ...signedIn, created: true }),
    })
    await settle()
    expect(screen.getByText('Sign in to continue to Wiki.')).toBeTruthy()
    await type('Email address', 'grace@example.org')
    await press('Email me a code')
    expect(server.requests.find(({ call }) => call === 'POST /api/auth/code')?.body).toEqual({
      email: 'grace@example.org',
      arrival: { host: 'wiki.example.org', path: '/page', nonce_hash: 'abc' },
    })
    await type('6-digit code', '123456')
    expect(navigated).toHaveBeenCalledWith(enter)
  })

  test('that is signed in continues at once', async () => {
    await open(fromWiki, { [session]: json(signedIn) })
    expect(navigated).toHaveBeenCalledWith(enter)
  })

  test('that needs a fresh sign-in enters a code first', async () => {
    await open(`${fromWiki}&fresh=1`, {
      [session]: json(signedIn),
      'POST /api/auth/code': json(codeRequest(), 202),
      'GET /api/auth/code': json(pendingCode()),
      'POST /api/auth/verify': json({ ...signedIn, created: false }),
    })
    expect(navigated).not.toHaveBeenCalled()
    await type('6-digit code', '123456')
    expect(navigated).toHaveBeenCalledWith(enter)
  })

  test('returns with the link in the mail, which also names the app', async () => {
    await open('/verify#c=123456', {
      [session]: [notSignedIn(), json(signedIn)],
      'GET /api/auth/code': json(pendingCode({ app: { id: 'wiki', name: 'Wiki', enter } })),
      'POST /api/auth/verify': json({ ...signedIn, created: false }),
    })
    expect(screen.getByText('Sign in to continue to Wiki.')).toBeTruthy()
    await press('Sign in')
    expect(navigated).toHaveBeenCalledWith(enter)
  })
})

test('the start page lists the apps that the user may open', async () => {
  await open('/', {
    [session]: json(signedIn),
    'GET /api/apps': json({
      apps: [
        { id: 'wiki', name: 'Wiki', host: 'wiki.example.org' },
        { id: 'previews', name: 'Previews' },
      ],
    }),
  })
  expect(screen.getByRole('heading', { name: 'Your apps' })).toBeTruthy()
  expect(screen.getByRole<HTMLAnchorElement>('link', { name: 'Wiki' }).host).toBe(
    'wiki.example.org',
  )
  expect(screen.getByText('Previews').closest('a')).toBeNull()
})
