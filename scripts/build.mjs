// npm run build: bin/sana, a static binary that embeds the single-page app.
import { build } from './lib/builds.mjs'
import { prepare } from './lib/prepare.mjs'
import { runMain } from './lib/problem.mjs'

async function main() {
  await prepare()
  await build()
  console.log('Built bin/sana.')
  return 0
}

await runMain(main)
