// One script at a time, for the moments when two `npm start` in one folder would tread on each
// other.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { interrupted, waitFor } from './interrupt.mjs'
import { Problem } from './problem.mjs'
import { startTimeOf } from './processes.mjs'

const me = `${process.pid} ${startTimeOf(process.pid)}`

/**
 * Does `work` while holding the lock in `file`. A holder that was killed holds nothing: the file
 * names its process.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @param {AbortSignal} [signal] ends the waiting; by default an interrupt does
 * @returns {Promise<T>}
 */
export async function withLock(file, work, signal = interrupted) {
  mkdirSync(dirname(file), { recursive: true })
  if (!(await waitFor(() => take(file), { timeout: 600_000, interval: 100, signal }))) {
    signal.throwIfAborted()
    throw new Problem(
      `${file} has been held by process ${holderOf(file).split(' ')[0]} for ten minutes; end that one first.`,
    )
  }
  try {
    return await work()
  } finally {
    rmSync(file, { force: true })
  }
}

/** @param {string} file */
function take(file) {
  // A link appears at once and whole; a file made with O_EXCL is empty for a moment, and for ever
  // after a kill -9.
  const mine = `${file}.${process.pid}.new`
  writeFileSync(mine, me)
  try {
    linkSync(mine, file)
    return true
  } catch (error) {
    if (error.code !== 'EEXIST') throw error
  } finally {
    rmSync(mine, { force: true })
  }
  const holder = holderOf(file)
  if (holder && !isAlive(holder)) removeStale(file, holder)
  return false
}

/**
 * @param {string} file
 * @returns {string} '' when it has just left
 */
function holderOf(file) {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}

/** @param {string} holder */
function isAlive(holder) {
  const [pid, ...since] = holder.split(' ')
  return startTimeOf(Number(pid)) === since.join(' ')
}

/**
 * Of several that find the same dead holder only one can rename its file; deleting it by name could
 * delete the lock that another one took a moment ago.
 * @param {string} file
 * @param {string} holder
 */
function removeStale(file, holder) {
  const aside = `${file}.${process.pid}`
  try {
    renameSync(file, aside)
  } catch {
    return
  }
  if (holderOf(aside) === holder) rmSync(aside, { force: true })
  else renameSync(aside, file)
}
