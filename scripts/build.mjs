// npm run build: bin/sana, a static binary that embeds the single-page app.
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
