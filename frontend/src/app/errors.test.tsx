import { screen } from '@testing-library/preact'
import { describe, expect, test, vi } from 'vitest'
import { event, html, json, notSignedIn, signedIn, unavailable } from '../shared/testing/server'
import { advance, settle, setVisibility } from '../shared/testing/time'
import { field, heading, open, press, session, type } from './openSignedIn'

test.each([
  ['a 503', unavailable(), 'Sana is temporarily unavailable.'],
  ['a page of a proxy', html(502), 'We can’t reach Sana right now.'],
  ['a lost network', 'lost' as const, 'We can’t reach Sana right now.'],
])('%s does not sign users out: it is reported and retried', async (_, reply, words) => {
  const server = await open('/', { [session]: [json(signedIn), reply, json(signedIn)] })
  await setVisibility('visible')
  expect(heading().textContent).toBe('Hello, Grace')
  expect(screen.getByText(new RegExp(words))).toBeTruthy()
  await advance(1000)
  expect(server.count(session)).toBe(3)
  expect(screen.queryByText(new RegExp(words))).toBeNull()
})

describe('an error of the program', () => {
  const fault = 'Something went wrong on our side.'
  const breakBrowser = () => {
    vi.stubGlobal('reportError', vi.fn())
    vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => {
      throw new TypeError('AbortSignal.timeout is not a function')
    })
  }

  test('during a read is not shown as a network error', async () => {
    breakBrowser()
    await open('/')
    expect(screen.getByRole('alert').textContent).toBe(fault)
    expect(reportError).toHaveBeenCalledWith(expect.any(TypeError))
  })

  test('during a submit is shown beside the form', async () => {
    await open('/', { [session]: notSignedIn() })
    breakBrowser()
    await type('Email address', 'ada@example.org')
    await press('Email me a code')
    expect(screen.getByRole('alert').textContent).toBe(fault)
    expect(field('Email address').value).toBe('ada@example.org')
  })

  test('during rendering is shown instead of the page', async () => {
    vi.stubGlobal('reportError', vi.fn())
    const broken = event(0, 'signed_in', { at: 'no time' })
    await open('/', {
      [session]: json(signedIn),
      'GET /api/account/events': json({ events: [broken] }),
    })
    expect(screen.getByRole('alert').textContent).toBe(fault)
    expect(screen.getByRole('button', { name: 'Try again' })).toBeTruthy()
    expect(reportError).toHaveBeenCalledWith(expect.any(RangeError))
  })
})

test('a 503 on arrival keeps the page and retries', async () => {
  await open('/', { [session]: [unavailable(), unavailable(), json(signedIn)] })
  expect(screen.getByRole('alert').textContent).toContain('Sana is temporarily unavailable.')
  await advance(1000)
  await advance(2000)
  expect(heading().textContent).toBe('Hello, Grace')
})

test('a button retries at once', async () => {
  await open('/', { [session]: [unavailable({ retry_after: 30 }), notSignedIn()] })
  await press('Try again')
  expect(heading().textContent).toBe('Sign in')
})

test('errors while the sign-in form is open keep the typed text', async () => {
  await open('/', { [session]: [notSignedIn(), unavailable(), notSignedIn()] })
  await type('Email address', 'ada@exam')
  await setVisibility('visible')
  expect(screen.getByText(/We’ll keep trying/)).toBeTruthy()
  expect(field('Email address').value).toBe('ada@exam')
})

test('a restored network is used at once', async () => {
  await open('/', { [session]: [unavailable({ retry_after: 30 }), json(signedIn)] })
  dispatchEvent(new Event('online'))
  await settle()
  expect(heading().textContent).toBe('Hello, Grace')
})
