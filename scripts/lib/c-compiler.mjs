// Go's race detector needs cgo, and cgo needs a C compiler with its headers.
import { spawnSync } from 'node:child_process'
import { Problem } from './problem.mjs'
import { installMissing } from './system-packages.mjs'

/**
 * @returns {Promise<string | undefined>} the compiler, installed if there was none; undefined if
 *   there is none and the race detector is skipped, which CI does not accept
 */
export async function provideCompiler() {
  const reason = (await installMissing(missingCompiler())) || 'none is installed'
  const found = findCompiler()
  if (found) return found
  if (process.env.CI) throw new Problem(`The race detector needs a C compiler: ${reason}.`)
  return undefined
}

/** @returns {string[]} the missing packages of the system */
export function missingCompiler() {
  return findCompiler() ? [] : ['gcc', 'libc6-dev']
}

function findCompiler() {
  const preferred = spawnSync('go', ['env', 'CC'], { encoding: 'utf8' }).stdout.trim()
  return [preferred, 'gcc', 'clang'].find(compiles)
}

/** @param {string} compiler */
function compiles(compiler) {
  const input = '#include <stdlib.h>\n#include <pthread.h>\n'
  return compiler !== '' && spawnSync(compiler, ['-E', '-x', 'c', '-'], { input }).status === 0
}
