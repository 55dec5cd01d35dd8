// Errors that the developer can correct are one line; unexpected errors keep their stack.

import { interrupted } from './interrupt.mjs'

/** A fault with a message for the person at the keyboard: what is wrong, and what to do. */
export class Problem extends Error {}

/**
 * Runs a script's main function and ends the process with what it returns.
 * @param {() => Promise<number>} main returns the exit code
 * @param {number} [whenInterrupted] the exit code when Ctrl-C cut it short
 */
export async function runMain(main, whenInterrupted = 130) {
  // The terminal may go away while things are still being stopped; that must not stop the stopping.
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
  try {
    process.exit(await main())
  } catch (error) {
    if (interrupted.aborted) process.exit(whenInterrupted)
    console.error(error instanceof Problem ? `\n${error.message}` : inOneLine(error))
    process.exit(1)
  }
}

/** @param {NodeJS.ErrnoException} error */
function inOneLine(error) {
  if (error.code !== 'EACCES') return error
  return `\n${error.path} is not open to this user: run this as the one whose folder it is.`
}
