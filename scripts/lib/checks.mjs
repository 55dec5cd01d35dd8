// Checks of the sources without building or running them: the steps of `npm run check`, which are
// also the first ones of `npm test`.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkLinks, checkWidth } from './documents.mjs'
import { examineLists } from './lists.mjs'
import { root, tools } from './paths.mjs'
import { Problem } from './problem.mjs'
import { mustRun } from './processes.mjs'
import { examineTexts } from './texts.mjs'
import { checkWords } from './words.mjs'

/** @type {import('./steps.mjs').Step[]} */
export const webChecks = [
  { name: 'package-lock.json', run: checkLockFile },
  { name: 'lists of pages and features', run: checkLists },
  { name: 'texts in all languages', run: checkTexts },
  { name: 'API contract', run: checkContract },
  { name: 'types of the API contract', run: checkContractTypes },
  { name: 'TypeScript: the app', run: () => node(tools.tsc, '--noEmit', '-p', 'tsconfig.json') },
  {
    name: 'TypeScript: scripts and e2e',
    run: () => node(tools.tsc, '-p', 'scripts/tsconfig.json'),
  },
  { name: 'links of the documents', run: checkLinks },
  { name: 'width of lines', run: checkWidth },
  { name: 'words', run: checkWords },
  { name: 'Biome', run: () => node(tools.biome, 'ci') },
]

/** @type {import('./steps.mjs').Step[]} */
export const goChecks = [
  { name: 'gofmt', run: checkGoFormat },
  { name: 'workflows', run: checkWorkflows },
]

/** @param {string[]} args */
async function node(...args) {
  await mustRun(args.join(' ').replace(`${root}/`, ''), process.execPath, args)
}

/**
 * The lock file must be complete for every platform, must pin every package, and must not name a
 * private registry.
 */
async function checkLockFile() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const faults = Object.entries(packages).flatMap(([path, { resolved, integrity }]) => {
    if (path === '') return []
    if (resolved && !resolved.startsWith('https://registry.npmjs.org/'))
      return [`${path} comes from ${resolved}`]
    return integrity ? [] : [`${path} has no integrity`]
  })
  if (faults.length > 0) throw new Problem(faults.join('\n'))
  await mustRun('npm ci --dry-run', 'npm', [
    'ci',
    '--dry-run',
    '--prefer-offline',
    '--no-audit',
    '--no-fund',
  ])
}

function checkLists() {
  const faults = examineLists()
  if (faults.length > 0) throw new Problem(faults.join('\n'))
}

function checkTexts() {
  const { faults, untranslated } = examineTexts()
  if (faults.length > 0) throw new Problem(faults.join('\n'))
  return untranslated.length > 0
    ? `but NOT TRANSLATED, so shown in English: ${untranslated.join(', ')}`
    : undefined
}

/**
 * The contract must follow all recommended rules of Redocly, including warnings, so that other
 * tools can read it.
 */
async function checkContract() {
  const { createConfig, lint } = await import('@redocly/openapi-core')
  const config = await createConfig({ extends: ['recommended'] })
  const problems = await lint({ ref: join(root, 'backend/web/openapi.yaml'), config })
  if (problems.length === 0) return
  const messages = problems.map(({ severity, ruleId, message, location: [place] }) => {
    return `${severity} ${ruleId} at ${place?.pointer}: ${message}`
  })
  throw new Problem(`backend/web/openapi.yaml breaks rules of Redocly:\n${messages.join('\n')}`)
}

async function checkContractTypes() {
  const dir = mkdtempSync(join(tmpdir(), 'sana-types-'))
  try {
    const fresh = join(dir, 'contract.d.ts')
    await node(tools.openapiTypescript, 'backend/web/openapi.yaml', '-o', fresh)
    const current = join(root, 'frontend/src/shared/api/contract.d.ts')
    if (readFileSync(fresh, 'utf8') === readFileSync(current, 'utf8')) return
    throw new Problem(
      'The types in frontend/src differ from backend/web/openapi.yaml: run npm run types.',
    )
  } finally {
    rmSync(dir, { recursive: true })
  }
}

/** actionlint has a module of its own, so that go.mod lists no library of it. */
async function checkWorkflows() {
  const lint = ['tool', '-modfile=tools/lint/go.mod', 'actionlint', '-shellcheck=', '-pyflakes=']
  await mustRun('actionlint', 'go', lint)
}

async function checkGoFormat() {
  const gofmt = join((await mustRun('go env', 'go', ['env', 'GOROOT'])).trim(), 'bin', 'gofmt')
  const unformatted = await mustRun('gofmt', gofmt, [
    '-l',
    'backend',
    'frontend/embed.go',
    'migrations',
    'tools',
  ])
  if (unformatted) throw new Problem(`${unformatted}\nThese files are not formatted: run gofmt -w.`)
}
