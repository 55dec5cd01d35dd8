import { isRequestError, Refused, type RequestError, Unreachable } from './http'

const longestPause = 30_000

/** Whether a retry can help: no answer, a server error, or a Retry-After. */
export function isTransient(requestError: RequestError): boolean {
  if (requestError instanceof Unreachable) return true
  const { status } = requestError.problem
  return status >= 500 || status === 408 || status === 429
}

/**
 * Milliseconds before the next attempt: 1 s, 2 s, 4 s … up to 30 s, each with a random reduction of
 * up to half as jitter. Never less than the server's Retry-After.
 */
export function pause(tries: number, requestError?: RequestError): number {
  const backoff = Math.min(1000 * 2 ** tries, longestPause) * (1 - Math.random() / 2)
  const asked =
    requestError instanceof Refused ? requestError.problem.retry_after : requestError?.retryAfter
  return Math.max(backoff, (asked ?? 0) * 1000)
}

/**
 * Reads until an answer arrives. A transient failure is passed to `onError` and retried, unless
 * the page is hidden by then: pages read again when they become visible. Other failures are thrown.
 * Throws the signal's reason if `signal` aborts.
 */
export async function untilAnswered<T>(
  read: (signal: AbortSignal) => Promise<T>,
  onError: (requestError: RequestError) => void,
  signal: AbortSignal,
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await read(signal)
    } catch (error) {
      signal.throwIfAborted()
      if (!(isRequestError(error) && isTransient(error))) throw error
      onError(error)
      await sleep(pause(tries, error), signal)
      if (document.visibilityState === 'hidden') await aborted(signal)
    }
  }
}

/** Ends early if the network comes back. */
export function sleep(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = () => {
      clearTimeout(timer)
      removeEventListener('online', end)
      if (signal.aborted) reject(signal.reason)
      else resolve()
    }
    const timer = setTimeout(end, milliseconds)
    addEventListener('online', end)
    signal.addEventListener('abort', end, { once: true })
    if (signal.aborted) end()
  })
}

/** Never resolves; rejects if the signal aborts. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) =>
    signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
  )
}
