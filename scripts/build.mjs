// npm run build: bin/sana, one static file with the single-page app in it.
import { build } from './lib/builds.mjs'
import { installDependencies } from './lib/dependencies.mjs'
import { listenForInterrupts } from './lib/interrupt.mjs'
import { runMain } from './lib/problem.mjs'
import { checkVersions } from './lib/versions.mjs'

async function main() {
  listenForInterrupts()
  checkVersions()
  await installDependencies()
  await build()
  console.log('Built bin/sana.')
  return 0
}

await runMain(main)
