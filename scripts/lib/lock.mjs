// A lock for the steps that two `npm start` in one folder must not run at the same time.
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { interrupted, waitFor } from './interrupt.mjs'
import { Problem } from './problem.mjs'
import { startTimeOf } from './processes.mjs'

const me = `${process.pid} ${startTimeOf(process.pid)}`

/**
 * Does `work` while holding the lock in `file`. The file names the process of its holder,
 * so the lock of a killed process is ignored.
 * @template T
 * @param {string} file
 * @param {() => Promise<T>} work
 * @param {AbortSignal} [signal] aborts the waiting; by default an interrupt does
 * @returns {Promise<T>}
 */
export async function withLock(file, work, signal = interrupted) {
  mkdirSync(dirname(file), { recursive: true })
  if (!(await waitFor(() => take(file), { timeout: 600_000, interval: 100, signal }))) {
    signal.throwIfAborted()
    throw new Problem(
      `Process ${holderOf(file).split(' ')[0]} has locked ${file} for ten minutes; end it first.`,
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
  // A link is created atomically; a file of O_EXCL is empty for a moment, and remains empty after a
  // kill -9.
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
 * @returns {string} '' if the lock was just released
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
 * Of several processes that find the same dead holder, only one can rename its file. Deleting it by
 * name could delete a lock that another process has just taken.
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
