// npm run drill: restarts, kills and replaces instances with both session stores and with the
// predecessor's, prints the lost sessions, and writes docs/contrast.md.
import { join } from 'node:path'
import { buildSpa } from './lib/builds.mjs'
import { root } from './lib/paths.mjs'
import { prepare } from './lib/prepare.mjs'
import { runMain } from './lib/problem.mjs'
import { mustRun } from './lib/processes.mjs'
import { startTestPostgres } from './lib/test-postgres.mjs'

async function main() {
  await prepare()
  await buildSpa()
  const { url, stop } = await startTestPostgres()
  try {
    console.log('Running fourteen cases with each of four stores: about a minute …')
    // Go prints the output of a test if it runs in the package's folder, without package names.
    const output = await mustRun(
      'The drill',
      'go',
      ['test', '-count=1', '-run=^TestDrill$', '-args', '-show', '-update'],
      {
        cwd: join(root, 'backend', 'test', 'drill'),
        env: { ...process.env, TEST_DATABASE_URL: url },
      },
    )
    console.log(output.replace(/^(PASS|ok\s.*)\n/gm, '').trimEnd())
    console.log('\nWrote docs/contrast.md.')
    return 0
  } finally {
    await stop()
  }
}

await runMain(main)
