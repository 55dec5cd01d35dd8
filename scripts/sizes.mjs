// npm run sizes: says what people load, and writes down the size of each file in scripts/sizes.json.
import { buildSpa } from './lib/builds.mjs'
import { installDependencies } from './lib/dependencies.mjs'
import { listenForInterrupts } from './lib/interrupt.mjs'
import { runMain } from './lib/problem.mjs'
import { checkSizes, keepSizes } from './lib/sizes.mjs'
import { checkVersions } from './lib/versions.mjs'

async function main() {
  listenForInterrupts()
  checkVersions()
  await installDependencies()
  await buildSpa()
  console.log(checkSizes())
  keepSizes()
  return 0
}

await runMain(main)
