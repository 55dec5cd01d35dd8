import { expect, test, vi } from 'vitest'
import type { Problem } from './http'
import { Refused, type RequestError, Unreachable } from './http'
import { pause, untilAnswered } from './retry'

const refused = (status: number, more: Partial<Problem> = {}) =>
  new Refused({
    type: '',
    title: '',
    status,
    detail: '',
    code: 'unavailable',
    request_id: '',
    ...more,
  })

test('the pauses double up to 30 s, each with up to 50 % jitter', () => {
  vi.spyOn(Math, 'random').mockReturnValue(0)
  expect([0, 1, 2, 3, 4, 5, 6].map((tries) => pause(tries))).toEqual([
    1000, 2000, 4000, 8000, 16_000, 30_000, 30_000,
  ])
  vi.spyOn(Math, 'random').mockReturnValue(1)
  expect(pause(2)).toBe(2000)
})

test('no retry is sent before Retry-After', () => {
  expect(pause(0, refused(503, { retry_after: 20 }))).toBe(20_000)
  expect(pause(0, new Unreachable('502', 20))).toBe(20_000)
})

test.each([
  ['no response', new Unreachable('network')],
  ['500', refused(500)],
  ['503', refused(503)],
  ['429', refused(429)],
])('%s is reported, and retried until there is a response', async (_, requestError) => {
  const read = vi
    .fn()
    .mockRejectedValueOnce(requestError)
    .mockRejectedValueOnce(requestError)
    .mockResolvedValue('response')
  const reported: RequestError[] = []
  const result = untilAnswered(read, (each) => reported.push(each), new AbortController().signal)
  await vi.advanceTimersByTimeAsync(1000)
  await vi.advanceTimersByTimeAsync(2000)
  expect(await result).toBe('response')
  expect(reported).toEqual([requestError, requestError])
})

test.each([400, 401, 404])('a %i is final', async (status) => {
  const read = vi.fn().mockRejectedValue(refused(status))
  await expect(untilAnswered(read, () => {}, new AbortController().signal)).rejects.toBeInstanceOf(
    Refused,
  )
  expect(read).toHaveBeenCalledTimes(1)
})

test('a read aborted during a pause is not repeated', async () => {
  const read = vi.fn().mockRejectedValue(new Unreachable('network'))
  const controller = new AbortController()
  const result = untilAnswered(read, () => {}, controller.signal).catch((error: unknown) => error)
  await vi.advanceTimersByTimeAsync(0)
  controller.abort('left')
  expect(await result).toBe('left')
  await vi.advanceTimersByTimeAsync(60_000)
  expect(read).toHaveBeenCalledTimes(1)
})
