// npm run check: checks the sources in seconds, in parallel: types, lint, format, contract, lock
// file.
import { goChecks, webChecks } from './lib/checks.mjs'
import { installDependencies } from './lib/dependencies.mjs'
import { listenForInterrupts } from './lib/interrupt.mjs'
import { runMain } from './lib/problem.mjs'
import { runStepsAtOnce } from './lib/steps.mjs'
import { checkVersions } from './lib/versions.mjs'

async function main() {
  listenForInterrupts()
  checkVersions()
  await installDependencies()
  return (await runStepsAtOnce([...webChecks, ...goChecks])) ? 0 : 1
}

await runMain(main)
