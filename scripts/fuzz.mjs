// npm run fuzz: every fuzz test for a minute, or for SANA_FUZZ_SECONDS. An input that fails
// is stored in testdata/fuzz of its package; commit it with the fix.
import { postgresBinaries } from './lib/postgres.mjs'
import { prepare } from './lib/prepare.mjs'
import { runMain } from './lib/problem.mjs'
import { mustRun } from './lib/processes.mjs'
import { runSteps } from './lib/steps.mjs'
import { startTestPostgres } from './lib/test-postgres.mjs'

async function main() {
  await prepare()
  const { url, stop } = await startTestPostgres()
  try {
    const env = {
      ...process.env,
      TEST_DATABASE_URL: url,
      SANA_POSTGRES_BIN: await postgresBinaries(),
    }
    const seconds = process.env.SANA_FUZZ_SECONDS ?? '60'
    const steps = (await targets(env)).map(({ name, folder }) => ({
      name: `${name} in ${folder} for ${seconds} s`,
      run: async () => {
        // Without a limit Go spends the whole time on minimizing the first input of a kilobyte.
        const minimize = '-fuzzminimizetime=100x'
        const args = [
          'test',
          '-run=^$',
          `-fuzz=^${name}$`,
          `-fuzztime=${seconds}s`,
          minimize,
          folder,
        ]
        const output = await mustRun(name, 'go', args, { env })
        return output.match(/execs: \d+/g)?.at(-1)
      },
    }))
    return (await runSteps(steps)) ? 0 : 1
  } finally {
    await stop()
  }
}

/**
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ name: string, folder: string }[]>} all fuzz tests, and their packages
 */
async function targets(env) {
  const listed = await mustRun(
    'go test -list',
    'go',
    ['test', '-json', '-list=^Fuzz', './backend/...'],
    { env },
  )
  const events = listed
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  return events
    .filter(({ Output }) => /^Fuzz\w+\n$/.test(Output ?? ''))
    .map(({ Package, Output }) => ({ name: Output.trim(), folder: Package }))
}

await runMain(main)
