// npm run chaos: the long forms of the tests in backend/test/chaos, and ten minutes of random
// faults, followed by the invariants. SANA_CHAOS_SECONDS sets their duration, SANA_CHAOS_SEED
// repeats a run.
import { buildSpa } from './lib/builds.mjs'
import { providePatroni } from './lib/patroni.mjs'
import { postgresBinaries } from './lib/postgres.mjs'
import { prepare } from './lib/prepare.mjs'
import { runMain } from './lib/problem.mjs'
import { mustRun } from './lib/processes.mjs'
import { provideProxies } from './lib/proxies.mjs'
import { buildReleasesBefore } from './lib/releases-before.mjs'
import { startTestPostgres } from './lib/test-postgres.mjs'

async function main() {
  await prepare()
  await buildSpa()
  const missing = [...(await provideProxies()), ...(await providePatroni())]
  if (missing.length > 0) console.log(`Not installed, so not tested: ${missing.join(', ')}.`)
  const before = await buildReleasesBefore()
  if (before.missing.length > 0) console.log(`Previous releases: ${before.missing.join('; ')}.`)
  const { url, stop } = await startTestPostgres()
  try {
    const env = {
      ...process.env,
      TEST_DATABASE_URL: url,
      SANA_POSTGRES_BIN: await postgresBinaries(),
      SANA_RELEASES_BEFORE: before.dir,
      SANA_CHAOS_LONG: '1',
    }
    console.log('Running all tests except the random faults: a few minutes …')
    console.log(await test('-skip=^TestRandomFaults_KeepTheInvariants$', env))
    const seconds = process.env.SANA_CHAOS_SECONDS ?? '600'
    console.log(`Random faults for ${seconds} seconds …`)
    console.log(
      await test('-run=^TestRandomFaults_KeepTheInvariants$', {
        ...env,
        SANA_CHAOS_SECONDS: seconds,
      }),
    )
    return 0
  } finally {
    await stop()
    await before.remove()
  }
}

/**
 * @param {string} which
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<string>} the tests that ran, and their counts
 */
async function test(which, env) {
  const args = ['test', '-count=1', '-v', '-timeout=60m', which, 'sana/backend/test/chaos']
  const output = await mustRun('The chaos tests', 'go', args, { env })
  const lines = output.match(/^\s*--- .*$|^\s+\w+_test\.go:\d+: (?!database: ).*$/gm)
  return lines?.join('\n') ?? output
}

await runMain(main)
