// Go's race detector needs cgo, and cgo needs a C compiler with its headers.
import { spawnSync } from 'node:child_process'
import { Problem } from './problem.mjs'
import { canInstallPackages, installPackages } from './system-packages.mjs'

/**
 * @returns {Promise<string | undefined>} the compiler, installed if there was none; undefined where the race detector
 *   has to be left out, which CI does not accept
 */
export async function provideCompiler() {
  const found = findCompiler()
  if (found) return found
  let reason = 'none is installed'
  if (canInstallPackages()) reason = await installPackages('gcc', 'libc6-dev')
  const installed = findCompiler()
  if (installed) return installed
  if (process.env.CI) throw new Problem(`The race detector needs a C compiler: ${reason}.`)
  return undefined
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
