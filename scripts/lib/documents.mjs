// Checks of the Markdown documents: relative links lead to files and headings that exist.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { root } from './paths.mjs'
import { Problem } from './problem.mjs'
import { mustRun } from './processes.mjs'

export async function checkLinks() {
  const files = await trackedFiles('*.md')
  const faults = files.flatMap((file) =>
    links(file)
      .filter((link) => !leadsSomewhere(file, link))
      .map(says(file)),
  )
  if (faults.length > 0) throw new Problem(faults.join('\n'))
}

/**
 * @param {string[]} patterns
 * @returns {Promise<string[]>} absolute paths of files that git tracks or would add
 */
export async function trackedFiles(...patterns) {
  const list = await mustRun('git ls-files', 'git', ['ls-files', '-co', '--exclude-standard', '--', ...patterns])
  return list
    .split('\n')
    .filter((name) => name !== '' && existsSync(join(root, name)))
    .map((name) => join(root, name))
}

/** @param {string} file */
function says(file) {
  return (/** @type {string} */ link) => `${relative(root, file)}: ${link} does not exist`
}

/**
 * @param {string} file
 * @returns {string[]} the targets of links and pictures, except those to other sites
 */
function links(file) {
  const text = readFileSync(file, 'utf8').replace(/^```[\s\S]*?^```/gm, '')
  const targets = [...text.matchAll(/\]\(([^()\s]+)\)|(?:src|href)="([^"]+)"/g)].map((match) => match[1] ?? match[2])
  return targets.filter((target) => !/^[a-z]+:/.test(target))
}

/**
 * @param {string} file
 * @param {string} link
 */
function leadsSomewhere(file, link) {
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
