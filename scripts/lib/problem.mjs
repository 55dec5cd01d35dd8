// Errors that the developer can correct are one line; unexpected errors keep their stack.

import { basename } from 'node:path'
import { interrupted } from './interrupt.mjs'

/** An error with a message for the developer: the cause and the remedy. */
export class Problem extends Error {}

/**
 * Runs a script's main function and exits with the code that it returns.
 * @param {(args: string[]) => Promise<number>} main takes the arguments, if it has a parameter for
 *   them, and returns the exit code
 * @param {number} [whenInterrupted] the exit code after Ctrl-C
 */
export async function runMain(main, whenInterrupted = 130) {
  // The terminal may close during the shutdown, which must continue.
  process.stdout.on('error', () => {})
  process.stderr.on('error', () => {})
  try {
    const [script, ...args] = process.argv.slice(1)
    if (main.length === 0 && args.length > 0)
      throw new Problem(`${basename(script)} takes no arguments, but got: ${args.join(' ')}`)
    process.exit(await main(args))
  } catch (error) {
    if (interrupted.aborted) process.exit(whenInterrupted)
    console.error(error instanceof Problem ? `\n${error.message}` : inOneLine(error))
    process.exit(1)
  }
}

/** @param {NodeJS.ErrnoException} error */
function inOneLine(error) {
  if (error.code !== 'EACCES') return error
  return `\n${error.path}: permission denied. Run this as the owner of the folder.`
}
