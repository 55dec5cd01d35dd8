// Which servers were started from this folder, and by which script. A script that is killed with -9
// cannot stop its server; the next one reads here that its script is gone, and stops it.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { waitFor } from './interrupt.mjs'
import { dataDir } from './paths.mjs'
import { signalGroup, startTimeOf } from './processes.mjs'

const folder = join(dataDir, 'running')

/** @typedef {{ pid: number, since: string }} Process */

/**
 * @param {number} pid
 * @returns {Process}
 */
const identify = (pid) => ({ pid, since: startTimeOf(pid) })

/** @param {Process} process */
const isAlive = ({ pid, since }) => since !== '' && startTimeOf(pid) === since

/**
 * Notes a child of this script until it has ended.
 * @param {import('./processes.mjs').Child} child
 */
export function note(child) {
  const file = join(folder, `${child.pid}.json`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, JSON.stringify({ script: identify(process.pid), child: identify(child.pid) }))
  child.exited.then(() => rmSync(file, { force: true }))
}

/** Stops what scripts that are no more have left running. */
export async function stopOrphans() {
  mkdirSync(folder, { recursive: true })
  await Promise.all(readdirSync(folder).map((name) => stopIfOrphan(join(folder, name))))
}

/** @param {string} file */
async function stopIfOrphan(file) {
  const { script, child } = readNote(file)
  if (isAlive(script)) return
  if (isAlive(child)) {
    console.log(`Stopping process ${child.pid}, which an earlier start had left behind …`)
    signalGroup(child.pid, 'SIGTERM')
    await waitFor(() => !isAlive(child), { timeout: 15_000 })
    if (isAlive(child)) signalGroup(child.pid, 'SIGKILL')
    await waitFor(() => !isAlive(child), { timeout: 5000 })
  }
  rmSync(file, { force: true })
}

/**
 * @param {string} file
 * @returns {{ script: Process, child: Process }}
 */
function readNote(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    // Cut short while it was written, or removed in the meantime: it says nothing.
    const nobody = { pid: 0, since: '' }
    return { script: nobody, child: nobody }
  }
}
