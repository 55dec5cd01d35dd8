// Builds previous releases from the repository's history, for the test that runs them together with
// this one.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compile } from './builds.mjs'
import { root } from './paths.mjs'
import { mustRun, run } from './processes.mjs'

/** The files of a commit that its build needs. Pages are not built, because no test uses them. */
const sources = ['go.mod', 'go.sum', 'backend', 'frontend', 'migrations']

/**
 * Builds them with the flags of bin/sana, so that Go has compiled nearly everything already.
 * @returns {Promise<{ dir: string, missing: string[], remove: () => Promise<void> }>} a folder with
 *   a program for each commit, the reasons for missing ones, and a function that removes the folder
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
 * @param {string} dir the folder for its program
 * @returns {Promise<string | undefined>} the reason if it cannot be built
 */
async function buildCommit(commit, dir) {
  const work = mkdtempSync(join(tmpdir(), 'sana-release-'))
  try {
    const tree = join(work, 'tree')
    if (!(await checkOut(commit, sources, tree)))
      return 'is not in the local history (run git fetch --unshallow)'
    const libraries = await run('go', ['list', '-deps', './backend'], { cwd: tree })
    if (!libraries.ok) {
      const reason = libraries.output.trim().split('\n').at(-1)
      return `has libraries that cannot be downloaded: ${reason}`
    }
    await compile(
      `Building the previous release ${commit}`,
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
 * @param {string[]} paths the files to extract
 * @param {string} tree the folder for them, which is created
 * @returns {Promise<boolean>} whether the local history has the commit
 */
export async function checkOut(commit, paths, tree) {
  mkdirSync(tree)
  const tar = join(tree, 'sources.tar')
  // git refuses other users than the owner of the folder, unless it is a safe.directory.
  const git = ['-c', `safe.directory=${root}`, 'archive', '-o', tar, commit, ...paths]
  const archived = await run('git', git).catch(() => ({ ok: false }))
  if (archived.ok) await mustRun('tar', 'tar', ['-xf', tar, '-C', tree])
  return archived.ok
}
