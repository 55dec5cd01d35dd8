// Watches folders for changes. Recursive watching of Node 20 on Linux loses a file once an editor
// has replaced it by renaming; watching each folder separately does not.
import { readdirSync, watch } from 'node:fs'
import { join } from 'node:path'
import { root } from './paths.mjs'

/**
 * @param {object} what all paths are relative to the repository
 * @param {string[]} what.trees folders to watch recursively, including folders that are created
 *   later
 * @param {string[]} what.folders folders to watch by themselves
 * @param {(path: string) => boolean} what.matters
 * @param {() => void} onChange called once for simultaneous changes
 */
export function watchSources({ trees, folders, matters }, onChange) {
  /** @type {Map<string, import('node:fs').FSWatcher>} */
  const watchers = new Map()
  /** @type {NodeJS.Timeout | undefined} */
  let settled

  /** @param {string} dir @param {boolean} deep */
  const add = (dir, deep) => {
    if (watchers.has(dir)) return
    const addBelow = () => {
      if (deep) for (const below of foldersIn(dir)) add(below, true)
    }
    const watcher = watch(join(root, dir), (_, name) => {
      addBelow()
      if (!matters(join(dir, name ?? ''))) return
      clearTimeout(settled)
      settled = setTimeout(onChange, 200)
    })
    // The folder was removed; a new one of that name is found through the folder above.
    const forget = () => watchers.delete(dir)
    watchers.set(dir, watcher.on('close', forget).on('error', forget))
    addBelow()
  }
  for (const dir of trees) add(dir, true)
  for (const dir of folders) add(dir, false)
}

/**
 * Reports whether a change of a file can change bin/sana: Go sources and embedded files, but
 * neither tests nor temporary files of editors.
 * @param {string} path
 */
export function isSource(path) {
  if (/_test\.go$|(^|\/)(testdata\/|\.|#)|~$|\.(md|swp|tmp)$/.test(path)) return false
  return /^(backend|migrations)\//.test(path) || /^(frontend\/embed\.go|go\.(mod|sum))$/.test(path)
}

/** @param {string} dir */
function foldersIn(dir) {
  try {
    const entries = readdirSync(join(root, dir), { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map((entry) => join(dir, entry.name))
  } catch {
    return []
  }
}
