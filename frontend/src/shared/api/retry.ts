import { isTrouble, Refused, type Trouble, Unreachable } from './http'

const longestPause = 30_000

/** Whether asking again later can help: no answer, a server in trouble, or one that asks for patience. */
export function passes(trouble: Trouble): boolean {
  if (trouble instanceof Unreachable) return true
  const { status } = trouble.problem
  return status >= 500 || status === 408 || status === 429
}

/**
 * Milliseconds before the next try: 1 s, 2 s, 4 s … up to 30 s, each shortened by up to half by chance so that
 * many browsers do not come back at once. Never sooner than the server asked for.
 */
export function pause(tries: number, trouble?: Trouble): number {
  const backoff = Math.min(1000 * 2 ** tries, longestPause) * (1 - Math.random() / 2)
  const asked = trouble instanceof Refused ? trouble.problem.retry_after : trouble?.retryAfter
  return Math.max(backoff, (asked ?? 0) * 1000)
}

/**
 * Reads until there is an answer. What will pass is told to `onTrouble` and tried again, unless nobody sees the page by
 * then: whoever reads for a page begins anew when it comes back to sight. What will not pass is thrown. Ends with the
 * signal's reason when `signal` aborts.
 */
export async function untilAnswered<T>(
  read: (signal: AbortSignal) => Promise<T>,
  onTrouble: (trouble: Trouble) => void,
  signal: AbortSignal,
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await read(signal)
    } catch (error) {
      signal.throwIfAborted()
      if (!(isTrouble(error) && passes(error))) throw error
      onTrouble(error)
      await sleep(pause(tries, error), signal)
      if (document.visibilityState === 'hidden') await aborted(signal)
    }
  }
}

/** Ends sooner when the network comes back. */
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

/** Never comes to a good end. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
}
