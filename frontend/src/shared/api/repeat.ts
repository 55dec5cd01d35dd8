import { type RequestError, Unreachable } from './http'
import { pause, sleep } from './retry'

/** The time in which the server gives a repeated request the answer of the first one. */
const repeatable = 120_000

/**
 * Makes an idempotent call, and repeats it until an answer arrives: the first request may have
 * reached the server. Each failure is passed to `onError`. Throws a refusal, the last failure
 * once a repeat could get another answer, and the signal's reason if `signal` aborts between two
 * requests.
 */
export async function repeatUntilAnswered<T>(
  call: () => Promise<T>,
  onError: (requestError: RequestError) => void,
  signal: AbortSignal,
): Promise<T> {
  const started = performance.now()
  for (let tries = 0; ; tries++) {
    try {
      return await call()
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
      const wait = pause(tries, error)
      if (performance.now() + wait - started > repeatable) throw error
      onError(error)
      await sleep(wait, signal)
    }
  }
}
