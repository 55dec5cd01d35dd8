// The releases before this one, built from the repository's history for the test that has them
// serve beside it.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compile } from './builds.mjs'
import { root } from './paths.mjs'
import { mustRun, run } from './processes.mjs'

/** The files of a commit that a build needs. Its pages are not built: no test uses them. */
const sources = ['go.mod', 'go.sum', 'backend', 'frontend', 'migrations']

/**
 * Builds them with the flags of bin/sana, so that Go finds nearly everything compiled already.
 * @returns {Promise<{ dir: string, missing: string[], remove: () => Promise<void> }>} a folder with
 *   a program for each commit, why
 *   there is none for others, and what removes the folder
 */
export async function buildReleasesBefore() {
  const dir = mkdtempSync(join(tmpdir(), 'sana-releases-'))
  const missing = []
  for (const commit of releasesBefore()) {
    const reason = await buildCommit(commit, dir)
    if (reason) missing.push(`${commit.slice(0, 7)} ${reason}`)
  }
  return { dir, missing, remove: async () => rmSync(dir, { recursive: true }) }
}

/** @returns {string[]} */
export function releasesBefore() {
  const lines = readFileSync(
    join(root, 'backend/test/chaos/testdata/releases-before'),
    'utf8',
  ).split('\n')
  return lines.filter((line) => line && !line.startsWith('#')).map((line) => line.split(' ')[0])
}

/**
 * @param {string} commit
 * @param {string} dir where its program goes
 * @returns {Promise<string | undefined>} why it cannot be built here
 */
async function buildCommit(commit, dir) {
  const work = mkdtempSync(join(tmpdir(), 'sana-release-'))
  try {
    const tree = join(work, 'tree')
    if (!(await checkOut(commit, sources, tree)))
      return 'is not in the history that is here (git fetch --unshallow brings it)'
    const libraries = await run('go', ['list', '-deps', './backend'], { cwd: tree })
    if (!libraries.ok)
      return `has libraries that cannot be had: ${libraries.output.trim().split('\n').at(-1)}`
    await compile(
      `Building the release before this one, ${commit}`,
      join(dir, commit),
      commit.slice(0, 7),
      tree,
    )
  } finally {
    rmSync(work, { recursive: true })
  }
}

/**
 * @param {string} commit
 * @param {string[]} paths what is wanted of it
 * @param {string} tree the folder for them, which is made
 * @returns {Promise<boolean>} whether the history that is here has the commit
 */
export async function checkOut(commit, paths, tree) {
  mkdirSync(tree)
  const tar = join(tree, 'sources.tar')
  // git serves the folder's owner only, unless the folder is named as safe.
  const git = ['-c', `safe.directory=${root}`, 'archive', '-o', tar, commit, ...paths]
  const archived = await run('git', git).catch(() => ({ ok: false }))
  if (archived.ok) await mustRun('tar', 'tar', ['-xf', tar, '-C', tree])
  return archived.ok
}
