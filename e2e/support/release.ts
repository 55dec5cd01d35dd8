// Another release of Sana, pages and program, built from source: the newest one recorded in
// backend/test/chaos, or the current sources if the history has none. All scripts of its pages have
// other names than those of this release, also if the sources are the same.
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { compile } from '../../scripts/lib/builds.mjs'
import { root } from '../../scripts/lib/paths.mjs'
import { mustRun } from '../../scripts/lib/processes.mjs'
import { checkOut, releasesBefore } from '../../scripts/lib/releases-before.mjs'

const sources = [
  'backend',
  'frontend',
  'migrations',
  'go.mod',
  'go.sum',
  'package.json',
  'tsconfig.json',
  'vite.config.ts',
]

export interface Release {
  program: string
  remove: () => void
}

export async function buildAnotherRelease(): Promise<Release> {
  const folder = mkdtempSync(join(tmpdir(), 'sana-release-'))
  const tree = join(folder, 'tree')
  const commit = releasesBefore().at(-1)
  if (!(commit && (await checkOut(commit, sources, tree)))) {
    for (const name of sources) cpSync(join(root, name), join(tree, name), { recursive: true })
  }
  renameScripts(join(tree, 'frontend/src'))
  symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'))
  const vite = join(tree, 'node_modules/vite/bin/vite.js')
  const env = { ...process.env, NODE_ENV: 'production' }
  await mustRun('Building the pages of another release', process.execPath, [vite, 'build'], {
    cwd: tree,
    env,
  })
  const program = join(folder, 'sana')
  await compile('Building another release', program, 'another', tree)
  return { program, remove: () => rmSync(folder, { recursive: true }) }
}

/** Changes each module of the pages, and so the name of each script. */
function renameScripts(pages: string): void {
  for (const name of readdirSync(pages, { recursive: true, encoding: 'utf8' })) {
    const file = join(pages, name)
    if (/\.tsx?$/.test(name) && !name.endsWith('.d.ts'))
      writeFileSync(file, `${readFileSync(file, 'utf8')}\nglobalThis.release = 'another'\n`)
  }
}
