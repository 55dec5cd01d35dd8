import { describe, expect, test, vi } from 'vitest'
import { codeRequest, FakeServer, html, json, noContent, refusal } from '../testing/server'
import { del, get, post, Refused, requestCode, Unreachable } from './http'

const path = '/api/auth/session'
const patient = () => new AbortController().signal

describe('the request', () => {
  test('a POST is a JSON object with its content type, also when it says nothing', async () => {
    const server = new FakeServer({ 'POST /api/auth/sign-out': noContent() })
    await post('/api/auth/sign-out', {})
    const init = server.requests[0]?.init
    expect(init?.body).toBe('{}')
    expect(init?.headers).toMatchObject({ 'Content-Type': 'application/json' })
    expect(init?.credentials).toBe('same-origin')
  })

  test('it says how far the clock is from UTC, for the times in mails', async () => {
    const server = new FakeServer({ [`GET ${path}`]: json({}) })
    for (const [behind, header] of [
      [-330, '330'],
      [0, '0'],
      [210, '-210'],
    ] as const) {
      vi.spyOn(Date.prototype, 'getTimezoneOffset').mockReturnValue(behind)
      await get(path, patient())
      expect(new Headers(server.requests.at(-1)?.init.headers).get('UTC-Offset')).toBe(header)
    }
  })

  test('a GET and a DELETE have no body and no content type', async () => {
    const server = new FakeServer({
      'GET /api/auth/session': json({}),
      'DELETE /api/auth/code': noContent(),
    })
    await get(path, patient())
    await del('/api/auth/code')
    for (const { init } of server.requests) {
      expect(init.body).toBeNull()
      expect(init.headers).not.toHaveProperty('Content-Type')
    }
  })
})

describe('an id', () => {
  test('goes where the path has a place for it, or else into the query', async () => {
    const server = new FakeServer({
      'GET /api/auth/code': json({}),
      'DELETE /api/auth/code': noContent(),
      'DELETE /api/sessions/{id}': noContent(),
    })
    await get('/api/auth/code', patient(), 'a1')
    await get('/api/auth/code', patient())
    await del('/api/auth/code', 'a1')
    await del('/api/sessions/{id}', 'b2')
    expect(server.calls).toEqual([
      'GET /api/auth/code?id=a1',
      'GET /api/auth/code',
      'DELETE /api/auth/code?id=a1',
      'DELETE /api/sessions/b2',
    ])
  })
})

describe('a request for a code', () => {
  const call = 'POST /api/auth/code'
  const request = () => requestCode('/api/auth/code', { email: 'ada@example.org' })
  const refusedWith = (code: string) =>
    expect.objectContaining({ problem: expect.objectContaining({ code }) })
  const missing = () => refusal(409, 'browser_token_missing')

  test('without a browser token is repeated once', async () => {
    const server = new FakeServer({ [call]: [missing(), json(codeRequest(), 202)] })
    expect(await request()).toEqual(codeRequest())
    expect(server.count(call)).toBe(2)
  })

  test('that is refused again for the token throws', async () => {
    const server = new FakeServer({ [call]: missing() })
    await expect(request()).rejects.toEqual(refusedWith('browser_token_missing'))
    expect(server.count(call)).toBe(2)
  })

  test('that is refused for anything else is not repeated', async () => {
    const server = new FakeServer({ [call]: refusal(400, 'invalid_email') })
    await expect(request()).rejects.toEqual(refusedWith('invalid_email'))
    expect(server.count(call)).toBe(1)
  })
})

describe('the answer', () => {
  const outcome = async (reply: Response | 'lost') => {
    new FakeServer({ 'GET /api/auth/session': reply })
    return await get(path, patient()).catch((error: unknown) => error)
  }

  test('a problem of ours is Refused, with its code and words', async () => {
    const error = await outcome(refusal(401, 'not_signed_in', 'You are not signed in.'))
    expect(error).toBeInstanceOf(Refused)
    expect((error as Refused).problem).toMatchObject({
      code: 'not_signed_in',
      detail: 'You are not signed in.',
    })
  })

  test('a page of HTML is not an answer, whatever its status', async () => {
    expect(await outcome(html(200))).toBeInstanceOf(Unreachable)
    expect(await outcome(html(401))).toBeInstanceOf(Unreachable)
  })

  test('JSON in pieces is not an answer', async () => {
    const cut = new Response('{"user":', { headers: { 'Content-Type': 'application/json' } })
    expect(await outcome(cut)).toBeInstanceOf(Unreachable)
  })

  test('a problem without a code is not one of ours', async () => {
    const foreign = new Response('{"status":401}', {
      status: 401,
      headers: { 'Content-Type': 'application/problem+json' },
    })
    expect(await outcome(foreign)).toBeInstanceOf(Unreachable)
  })

  test('a lost network is Unreachable', async () => {
    expect(await outcome('lost')).toBeInstanceOf(Unreachable)
  })

  test("a proxy's Retry-After is kept", async () => {
    expect(await outcome(html(502, { 'Retry-After': '7' }))).toMatchObject({ retryAfter: 7 })
  })
})

describe('the deadline', () => {
  test('no answer in 15 seconds is Unreachable', async () => {
    const timeout = new AbortController()
    const asked = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(timeout.signal)
    new FakeServer({ 'GET /api/auth/session': 'never' })
    const answer = get(path, patient()).catch((error: unknown) => error)
    timeout.abort()
    expect(await answer).toBeInstanceOf(Unreachable)
    expect(asked).toHaveBeenCalledWith(15_000)
  })

  test('an aborted request rejects with the reason of its signal', async () => {
    new FakeServer({ 'GET /api/auth/session': 'never' })
    const person = new AbortController()
    const answer = get(path, person.signal).catch((error: unknown) => error)
    person.abort('left the page')
    expect(await answer).toBe('left the page')
  })
})
