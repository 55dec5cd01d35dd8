// npm run sizes: says what people load. With -- --write it also writes down the size of each file
// in scripts/sizes.json, so that a failure later on can tell what has grown.
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
  if (process.argv.includes('--write')) keepSizes()
  return 0
}

await runMain(main)
