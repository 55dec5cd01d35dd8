// What a new machine lacks is fetched while the first steps of `npm test` keep the processors busy. Whatever could not be
// had is asked for again where it is needed, and missed there.
import { missingCompiler } from './c-compiler.mjs'
import { missingChromium } from './chromium.mjs'
import { missingPgBouncer } from './pgbouncer.mjs'
import { run } from './processes.mjs'
import { missingProxies } from './proxies.mjs'
import { canInstallPackages, installPackages } from './system-packages.mjs'

/** @returns {Promise<void>} when all is there that can be had */
export async function fetchAhead() {
  await Promise.all([run('go', ['mod', 'download']), fetchPackages()])
}

async function fetchPackages() {
  const missing = [...missingCompiler(), ...missingPgBouncer(), ...missingProxies(), ...missingChromium()]
  if (missing.length > 0 && canInstallPackages()) await installPackages(...missing)
}
