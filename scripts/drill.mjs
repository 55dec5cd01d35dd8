// npm run drill: restarts, kills and replaces instances with both session stores and with the
// predecessor's, prints the lost sessions, and writes docs/contrast.md. npm run drill -- --json
// FILE also writes the results as JSON.
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { buildSpa } from './lib/builds.mjs'
import { root } from './lib/paths.mjs'
import { prepare } from './lib/prepare.mjs'
import { Problem, runMain } from './lib/problem.mjs'
import { mustRun } from './lib/processes.mjs'
import { startTestPostgres } from './lib/test-postgres.mjs'

async function main() {
  const json = fileForJson()
  await prepare()
  await buildSpa()
  const { url, stop } = await startTestPostgres()
  try {
    console.log('Running fourteen cases with each of four stores: about a minute …')
    const flags = ['-show', '-update', ...(json ? ['-json', json] : [])]
    // Go prints the output of a test if it runs in the package's folder, without package names.
    const output = await mustRun(
      'The drill',
      'go',
      ['test', '-count=1', '-run=^TestDrill$', '-args', ...flags],
      {
        cwd: join(root, 'backend', 'test', 'drill'),
        env: { ...process.env, TEST_DATABASE_URL: url },
      },
    )
    console.log(output.replace(/^(PASS|ok\s.*)\n/gm, '').trimEnd())
    console.log(`\nWrote docs/contrast.md${json ? ` and ${json}` : ''}.`)
    return 0
  } finally {
    await stop()
  }
}

/** @returns {string | undefined} the path of --json, relative to the folder of the npm command */
function fileForJson() {
  try {
    const { json } = parseArgs({ options: { json: { type: 'string' } } }).values
    return json && resolve(process.env.INIT_CWD ?? '.', json)
  } catch (error) {
    throw new Problem(`${error.message}. The only option is --json FILE.`)
  }
}

await runMain(main)
