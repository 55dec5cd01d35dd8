import { describe, expect, test, vi } from 'vitest'
import { Refused, type RequestError, Unreachable } from './http'
import { repeatUntilAnswered } from './repeat'

const refused = (status: number) =>
  new Refused({ type: '', title: '', status, detail: '', code: 'unavailable', request_id: '' })

describe('an idempotent call', () => {
  const lost = new Unreachable('network')
  const signal = () => new AbortController().signal

  test('is repeated until a response arrives', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0)
    const call = vi
      .fn()
      .mockRejectedValueOnce(lost)
      .mockRejectedValueOnce(lost)
      .mockResolvedValue('response')
    const failures: RequestError[] = []
    const result = repeatUntilAnswered(call, (each) => failures.push(each), signal())
    await vi.advanceTimersByTimeAsync(3000)
    expect(await result).toBe('response')
    expect(failures).toEqual([lost, lost])
  })

  test.each([401, 429, 500, 503])('is not repeated after a %i', async (status) => {
    const call = vi.fn().mockRejectedValue(refused(status))
    await expect(repeatUntilAnswered(call, () => {}, signal())).rejects.toBeInstanceOf(Refused)
    expect(call).toHaveBeenCalledTimes(1)
  })

  test('is repeated at once when the network comes back', async () => {
    const call = vi
      .fn()
      .mockRejectedValueOnce(new Unreachable('502', 20))
      .mockResolvedValue('response')
    const result = repeatUntilAnswered(call, () => {}, signal())
    await vi.advanceTimersByTimeAsync(1)
    dispatchEvent(new Event('online'))
    expect(await result).toBe('response')
  })

  test('is not repeated after two minutes', async () => {
    const started = performance.now()
    const times: number[] = []
    const call = () => {
      times.push(performance.now() - started)
      return Promise.reject(lost)
    }
    const result = repeatUntilAnswered(call, () => {}, signal()).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(300_000)
    expect(await result).toBe(lost)
    expect(times.length).toBeGreaterThan(5)
    expect(times.at(-1)).toBeLessThanOrEqual(120_000)
  })

  test('is not repeated once its page is gone', async () => {
    const page = new AbortController()
    const call = vi.fn().mockRejectedValue(lost)
    const result = repeatUntilAnswered(call, () => {}, page.signal).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(0)
    page.abort('gone')
    expect(await result).toBe('gone')
    await vi.advanceTimersByTimeAsync(60_000)
    expect(call).toHaveBeenCalledTimes(1)
  })
})
