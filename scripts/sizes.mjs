// npm run sizes: prints the sizes of downloads. With -- --write it also records the size of each
// file in scripts/sizes.json, so that a later failure can name the files that have grown.
import { buildSpa } from './lib/builds.mjs'
import { prepare } from './lib/prepare.mjs'
import { runMain } from './lib/problem.mjs'
import { checkSizes, recordSizes } from './lib/sizes.mjs'

/** @param {string[]} args */
async function main(args) {
  await prepare()
  await buildSpa()
  console.log(checkSizes())
  if (args.includes('--write')) recordSizes()
  return 0
}

await runMain(main)
