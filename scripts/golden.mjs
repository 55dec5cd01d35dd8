// npm run golden: updates the golden files of Go tests (mails, headers, --help, tables in the
// documents). An argument selects packages by path: npm run golden -- mail. Review the changes
// before committing.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { root } from './lib/paths.mjs'
import { prepare } from './lib/prepare.mjs'
import { Problem, runMain } from './lib/problem.mjs'
import { mustRun, run } from './lib/processes.mjs'
import { startTestPostgres } from './lib/test-postgres.mjs'

/** @param {string[]} args */
async function main([wanted = '']) {
  await prepare()
  const packages = [...goldenTests()].filter(([path]) => path.includes(wanted))
  if (packages.length === 0)
    throw new Problem(`No package with golden files has "${wanted}" in its path.`)
  const { url, stop } = process.env.TEST_DATABASE_URL
    ? { url: process.env.TEST_DATABASE_URL, stop: async () => {} }
    : await startTestPostgres()
  try {
    for (const [path, tests] of packages) {
      console.log(`./${path} …`)
      const env = { ...process.env, TEST_DATABASE_URL: url }
      // A test that has written its files may fail in another check.
      const args = ['test', `./${path}`, '-count=1', '-run', `^(${tests.join('|')})$`, '-update']
      const { ok, output } = await run('go', args, { env })
      if (!ok) console.log(`${output}\nThis failed; the files that it has written are kept.`)
    }
  } finally {
    await stop()
  }
  console.log(await mustRun('git status', 'git', ['status', '--short']))
  return 0
}

/** @returns {Map<string, string[]>} the tests that read the flag -update, by package */
function goldenTests() {
  /** @type {Map<string, string>} */
  const sources = new Map()
  const files = readdirSync(join(root, 'backend'), { recursive: true, encoding: 'utf8' })
  for (const file of files.filter((name) => name.endsWith('_test.go')).sort()) {
    const path = join('backend', dirname(file))
    sources.set(path, (sources.get(path) ?? '') + readFileSync(join(root, 'backend', file), 'utf8'))
  }
  // The drill takes many minutes and has a command of its own.
  sources.delete('backend/test/drill')
  const found = [...sources].map(
    ([path, source]) => /** @type {[string, string[]]} */ ([path, testsThatUpdate(source)]),
  )
  return new Map(found.filter(([, tests]) => tests.length > 0))
}

/**
 * @param {string} source the test files of a package
 * @returns {string[]} the tests that read the flag, directly or through functions of the
 *   package
 */
function testsThatUpdate(source) {
  const functions = source.split(/^func /m).slice(1)
  /** @type {Set<string>} */
  const readers = new Set()
  for (;;) {
    const pattern = new RegExp(
      ['[*]update\\b', ...[...readers].map((name) => `\\b${name}\\(`)].join('|'),
    )
    const before = readers.size
    for (const text of functions) {
      const [, name, body] = /^(?:\([^)]*\) )?(\w+)([\s\S]*)/.exec(text) ?? []
      if (name && body && pattern.test(body)) readers.add(name)
    }
    if (readers.size === before) return [...readers].filter((name) => name.startsWith('Test'))
  }
}

await runMain(main)
