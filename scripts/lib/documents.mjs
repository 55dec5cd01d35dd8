// Checks of texts: relative links of documents lead to files and headings that exist, and lines
// have at most 100 columns.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { root } from './paths.mjs'
import { Problem } from './problem.mjs'
import { mustRun } from './processes.mjs'

export async function checkLinks() {
  const files = await trackedFiles('*.md')
  const faults = files.flatMap((file) =>
    links(file)
      .filter((link) => !exists(file, link))
      .map(missing(file)),
  )
  if (faults.length > 0) throw new Problem(faults.join('\n'))
}

/** Generated from the contract. */
const generated = ['frontend/src/shared/api/contract.d.ts']

/**
 * Lines have at most 100 columns, and a tab in Go has 4. The exceptions are lines that cannot be
 * broken without harm: in documents code, tables and lists that begin with code; in Go struct tags,
 * which must be one literal, and rows of tables; in CSS addresses of data.
 */
const limits = [
  { patterns: ['*.md'], read: withoutCode, isExempt: /^ *\||^- `/ },
  { patterns: ['*.go'], read: withTabs, isExempt: /^ *["{`].*,$|^\|.*\|$|^ +\w+ .*`\w+:".*"`$/ },
  { patterns: ['*.ts', '*.tsx', '*.mjs', '*.js', '*.css'], read, isExempt: /url\("data:/ },
]

export async function checkWidth() {
  const faults = await Promise.all(
    limits.map(async ({ patterns, read, isExempt }) =>
      (await trackedFiles(...patterns))
        .filter((file) => !generated.includes(relative(root, file)))
        .flatMap((file) =>
          read(file)
            .split('\n')
            .map((text, index) => ({ text, at: `${relative(root, file)}:${index + 1}` }))
            .filter(({ text }) => text.length > 100 && !isExempt.test(text))
            .map(({ at }) => at),
        ),
    ),
  )
  if (faults.flat().length > 0)
    throw new Problem(`These lines have more than 100 columns:\n${faults.flat().join('\n')}`)
}

/** @param {string} file */
function read(file) {
  return readFileSync(file, 'utf8')
}

/** @param {string} file */
function withoutCode(file) {
  return read(file).replace(/^```[\s\S]*?^```/gm, (code) => code.replace(/[^\n]/g, ''))
}

/** @param {string} file */
function withTabs(file) {
  return read(file).replaceAll('\t', '    ')
}

/**
 * @param {string[]} patterns
 * @returns {Promise<string[]>} absolute paths of files that git tracks or would add
 */
export async function trackedFiles(...patterns) {
  const list = await mustRun('git ls-files', 'git', [
    'ls-files',
    '-co',
    '--exclude-standard',
    '--',
    ...patterns,
  ])
  return list
    .split('\n')
    .filter((name) => name !== '' && existsSync(join(root, name)))
    .map((name) => join(root, name))
}

/** @param {string} file */
function missing(file) {
  return (/** @type {string} */ link) => `${relative(root, file)}: ${link} does not exist`
}

/**
 * @param {string} file
 * @returns {string[]} the targets of links and pictures, except those to other sites
 */
function links(file) {
  const targets = [...withoutCode(file).matchAll(/\]\(([^()\s]+)\)|(?:src|href)="([^"]+)"/g)].map(
    (match) => match[1] ?? match[2],
  )
  return targets.filter((target) => !/^[a-z]+:/.test(target))
}

/**
 * @param {string} file
 * @param {string} link
 */
function exists(file, link) {
  const [path, heading] = link.split('#')
  const target = path === '' ? file : join(dirname(file), path)
  if (!existsSync(target)) return false
  return heading === undefined || anchors(target).includes(heading)
}

/** @param {string} file */
function anchors(file) {
  const headings = readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm)
  return [...headings].map(([, heading]) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}
