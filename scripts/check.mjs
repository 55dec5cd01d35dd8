// npm run check: checks the sources in seconds, in parallel: types, lint, format, contract, lock
// file.
import { goChecks, webChecks } from './lib/checks.mjs'
import { prepare } from './lib/prepare.mjs'
import { runMain } from './lib/problem.mjs'
import { runSteps } from './lib/steps.mjs'

async function main() {
  await prepare()
  return (await runSteps([[...webChecks, ...goChecks].map((step) => [step])])) ? 0 : 1
}

await runMain(main)
