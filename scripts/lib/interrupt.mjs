// Handles SIGINT (Ctrl-C), SIGTERM and SIGHUP. The first signal stops everything in order; the
// second stops it immediately.
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

const first = new AbortController()
const second = new AbortController()

/** Aborted by the first signal, or when npm has exited. */
export const interrupted = first.signal

/** Aborted by the second signal: scripts stop waiting. */
export const forced = second.signal

setMaxListeners(0, interrupted, forced)

// The terminal sends SIGINT to all processes, and npm forwards its own, so one Ctrl-C arrives
// twice.
const oneKeyPress = 700

/**
 * Makes SIGINT, SIGTERM, SIGHUP and the exit of npm abort `interrupted`; a later signal aborts
 * `forced`.
 */
export function listenForInterrupts() {
  let since = 0
  const onInterrupt = () => {
    if (!interrupted.aborted) {
      since = Date.now()
      first.abort()
    } else if (Date.now() - since > oneKeyPress) {
      second.abort()
    }
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, onInterrupt)
  if (process.env.npm_lifecycle_event) watchParent(onInterrupt)
}

/**
 * @returns {Promise<void>} resolves when the script is interrupted, immediately if it was
 */
export function untilInterrupted() {
  return new Promise((resolve) => {
    if (interrupted.aborted) resolve()
    else interrupted.addEventListener('abort', () => resolve())
  })
}

/**
 * Detects the exit of npm, which is a process of its own. After kill -9, or if a shell between the
 * two does not forward a signal, Ctrl-C would not reach this script.
 * @param {() => void} onOrphaned
 */
function watchParent(onOrphaned) {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    onOrphaned()
  }, 1000)
  timer.unref()
}

/**
 * Polls `check` until it returns a truthy value, and returns that. Returns undefined after the
 * timeout, or if `signal` was aborted.
 * @template T
 * @param {() => T | Promise<T>} check
 * @param {{ timeout: number, interval?: number, signal?: AbortSignal }} options milliseconds
 * @returns {Promise<T | undefined>}
 */
export async function waitFor(check, { timeout, interval = 50, signal }) {
  const deadline = Date.now() + timeout
  while (!signal?.aborted) {
    const value = await check()
    if (value) return value
    if (Date.now() > deadline) return undefined
    await sleep(interval, undefined, { signal }).catch(() => {})
  }
  return undefined
}
