// A record of the servers that scripts of this folder have started. A script that is killed with -9
// cannot stop its server; the next script reads the record and stops it.
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
 * Records a child of this script until it has exited.
 * @param {import('./processes.mjs').Child} child
 */
export function recordChild(child) {
  const file = join(folder, `${child.pid}.json`)
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, JSON.stringify({ script: identify(process.pid), child: identify(child.pid) }))
  child.exited.then(() => rmSync(file, { force: true }))
}

/** Stops servers whose script no longer runs. */
export async function stopOrphans() {
  mkdirSync(folder, { recursive: true })
  await Promise.all(readdirSync(folder).map((name) => stopIfOrphan(join(folder, name))))
}

/** @param {string} file */
async function stopIfOrphan(file) {
  const { script, child } = readRecord(file)
  if (isAlive(script)) return
  if (isAlive(child)) {
    console.log(`Stopping process ${child.pid}, which an earlier start has left running …`)
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
function readRecord(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    // The file is incomplete or was removed in the meantime.
    const nobody = { pid: 0, since: '' }
    return { script: nobody, child: nobody }
  }
}
