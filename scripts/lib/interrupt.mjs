// Ctrl-C and its relatives. The first asks everything to stop in order; the second stops it at
// once.
import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

const first = new AbortController()
const second = new AbortController()

/** Aborted when the person (or the terminal, or npm's end) asks to stop. */
export const interrupted = first.signal

/** Aborted when they ask again: nothing is waited for any more. */
export const forced = second.signal

setMaxListeners(0, interrupted, forced)

// The terminal sends SIGINT to all processes, and npm forwards its own, so one Ctrl-C arrives
// twice.
const oneKeyPress = 700

/**
 * Makes SIGINT, SIGTERM, SIGHUP and the death of npm abort `interrupted`; what comes later aborts
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
 * @returns {Promise<void>} resolves when the script is asked to stop, at once when it was already
 */
export function untilInterrupted() {
  return new Promise((resolve) => {
    if (interrupted.aborted) resolve()
    else interrupted.addEventListener('abort', () => resolve())
  })
}

/**
 * `npm start` is one thing to the person who kills it, although npm and this script are two
 * processes: when npm is gone (kill -9, or a shell between the two that did not pass a signal on),
 * Ctrl-C reaches no process.
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
 * Asks `check` again and again until it returns something truthy, and returns that.
 * Returns undefined when the time is over or `signal` was aborted.
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
