import { describe, expect, test, vi } from 'vitest'
import { codeRequest, FakeServer, html, json, noContent, refusal } from '../testing/server'
import { del, get, post, Refused, requestCode, Unreachable } from './http'

const path = '/api/auth/session'
const signal = () => new AbortController().signal

describe('the request', () => {
  test('a POST has a JSON object and its content type, also without values', async () => {
    const server = new FakeServer({ 'POST /api/auth/sign-out': noContent() })
    await post('/api/auth/sign-out', {})
    const init = server.requests[0]?.init
    expect(init?.body).toBe('{}')
    expect(init?.headers).toMatchObject({ 'Content-Type': 'application/json' })
    expect(init?.credentials).toBe('same-origin')
  })

  test('a request has the UTC offset of the clock, for the times in mails', async () => {
    const server = new FakeServer({ [`GET ${path}`]: json({}) })
    for (const [behind, header] of [
      [-330, '330'],
      [0, '0'],
      [210, '-210'],
    ] as const) {
      vi.spyOn(Date.prototype, 'getTimezoneOffset').mockReturnValue(behind)
      await get(path, signal())
      expect(new Headers(server.requests.at(-1)?.init.headers).get('UTC-Offset')).toBe(header)
    }
  })

  test('a GET and a DELETE have no body and no content type', async () => {
    const server = new FakeServer({
      'GET /api/auth/session': json({}),
      'DELETE /api/auth/code': noContent(),
    })
    await get(path, signal())
    await del('/api/auth/code')
    for (const { init } of server.requests) {
      expect(init.body).toBeNull()
      expect(init.headers).not.toHaveProperty('Content-Type')
    }
  })
})

describe('an id', () => {
  test('is inserted into the path, or else into the query', async () => {
    const server = new FakeServer({
      'GET /api/auth/code': json({}),
      'DELETE /api/auth/code': noContent(),
      'DELETE /api/sessions/{id}': noContent(),
    })
    await get('/api/auth/code', signal(), 'a1')
    await get('/api/auth/code', signal())
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

  test('that is refused again throws', async () => {
    const server = new FakeServer({ [call]: missing() })
    await expect(request()).rejects.toEqual(refusedWith('browser_token_missing'))
    expect(server.count(call)).toBe(2)
  })

  test('that is refused for another reason is not repeated', async () => {
    const server = new FakeServer({ [call]: refusal(400, 'invalid_email') })
    await expect(request()).rejects.toEqual(refusedWith('invalid_email'))
    expect(server.count(call)).toBe(1)
  })
})

describe('the response', () => {
  const outcome = async (reply: Response | 'lost') => {
    new FakeServer({ 'GET /api/auth/session': reply })
    return await get(path, signal()).catch((error: unknown) => error)
  }

  test('a problem is Refused, with its code and detail', async () => {
    const error = await outcome(refusal(401, 'not_signed_in', 'You are not signed in.'))
    expect(error).toBeInstanceOf(Refused)
    expect((error as Refused).problem).toMatchObject({
      code: 'not_signed_in',
      detail: 'You are not signed in.',
    })
  })

  test('HTML is Unreachable, with any status', async () => {
    expect(await outcome(html(200))).toBeInstanceOf(Unreachable)
    expect(await outcome(html(401))).toBeInstanceOf(Unreachable)
  })

  test('incomplete JSON is Unreachable', async () => {
    const incomplete = new Response('{"user":', { headers: { 'Content-Type': 'application/json' } })
    expect(await outcome(incomplete)).toBeInstanceOf(Unreachable)
  })

  test('a problem without a code is Unreachable', async () => {
    const withoutCode = new Response('{"status":401}', {
      status: 401,
      headers: { 'Content-Type': 'application/problem+json' },
    })
    expect(await outcome(withoutCode)).toBeInstanceOf(Unreachable)
  })

  test('a lost network is Unreachable', async () => {
    expect(await outcome('lost')).toBeInstanceOf(Unreachable)
  })

  test("a proxy's Retry-After is kept", async () => {
    expect(await outcome(html(502, { 'Retry-After': '7' }))).toMatchObject({ retryAfter: 7 })
  })
})

describe('the deadline', () => {
  test('no response in 15 seconds is Unreachable', async () => {
    const timeout = new AbortController()
    const timeouts = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(timeout.signal)
    new FakeServer({ 'GET /api/auth/session': 'never' })
    const result = get(path, signal()).catch((error: unknown) => error)
    timeout.abort()
    expect(await result).toBeInstanceOf(Unreachable)
    expect(timeouts).toHaveBeenCalledWith(15_000)
  })

  test('an aborted request rejects with the reason of its signal', async () => {
    new FakeServer({ 'GET /api/auth/session': 'never' })
    const controller = new AbortController()
    const result = get(path, controller.signal).catch((error: unknown) => error)
    controller.abort('left the page')
    expect(await result).toBe('left the page')
  })
})
