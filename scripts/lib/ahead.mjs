// Fetches missing tools while the first steps of `npm test` use the processors. A failed download
// is repeated by the step that needs it, and reported there.
import { missingCompiler } from './c-compiler.mjs'
import { missingChromium } from './chromium.mjs'
import { missingPgBouncer } from './pgbouncer.mjs'
import { Problem } from './problem.mjs'
import { run } from './processes.mjs'
import { missingProxies } from './proxies.mjs'
import { installMissing } from './system-packages.mjs'

/** @returns {Promise<void>} resolves when all available tools are installed */
export async function fetchAhead() {
  await Promise.all([run('go', ['mod', 'download']), installMissing(missingPackages())])
}

/** Throws a Problem with the packages that the tests would install on this machine. */
export function refuseToInstall() {
  const missing = missingPackages()
  if (missing.length === 0) return
  throw new Problem(
    `The tests need missing packages. On Debian: apt-get install ${missing.join(' ')}`,
  )
}

function missingPackages() {
  return [...missingCompiler(), ...missingPgBouncer(), ...missingProxies(), ...missingChromium()]
}
