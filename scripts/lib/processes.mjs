// Child processes. Each leads a process group of its own, so that a Ctrl-C in the terminal reaches
// only the script, which then stops its children in the right order.
import { spawn, spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'
import { forced, interrupted, waitFor } from './interrupt.mjs'
import { root } from './paths.mjs'
import { Problem } from './problem.mjs'

/**
 * @typedef {object} Child
 * @property {number} pid
 * @property {Promise<string>} exited resolves to how it ended: "exit code 1", "SIGKILL"
 * @property {() => boolean} isRunning
 * @property {(grace?: number) => Promise<void>} stop stops it, and kills it after `grace`
 *   milliseconds
 * @property {(message: object) => void} send sends a message to a child that was started with an
 *   IPC channel
 */

/**
 * Starts a long-running child.
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<Child>}
 */
export async function start(command, args, options = {}) {
  const child = spawn(command, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    ...options,
    detached: true,
  })
  await new Promise((resolve, reject) =>
    child.once('spawn', () => resolve(undefined)).once('error', reject),
  )
  const pid = /** @type {number} */ (child.pid)
  let running = true
  const exited = new Promise((resolve) => {
    child.once('exit', (code, signal) => {
      running = false
      resolve(signal ?? `exit code ${code}`)
    })
  })
  const stop = async (grace = 15_000) => {
    signalGroup(pid, 'SIGTERM')
    await waitFor(() => !running, { timeout: grace, signal: forced })
    if (running) signalGroup(pid, 'SIGKILL')
    await exited
  }
  const send = (/** @type {object} */ message) => {
    if (child.connected) child.send(message)
  }
  return { pid, exited, isRunning: () => running, stop, send }
}

/**
 * Runs a command to its end and captures its output. Stops it when the script is interrupted.
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 * @returns {Promise<{ ok: boolean, output: string }>} output contains stdout and stderr
 */
export async function run(command, args, options = {}) {
  interrupted.throwIfAborted()
  const child = spawn(command, args, {
    cwd: root,
    ...options,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text) => (output += text))
  const onInterrupt = () => child.pid && signalGroup(child.pid, 'SIGTERM')
  const onForce = () => child.pid && signalGroup(child.pid, 'SIGKILL')
  interrupted.addEventListener('abort', onInterrupt)
  forced.addEventListener('abort', onForce)
  try {
    const code = await new Promise((resolve, reject) =>
      child.once('close', resolve).once('error', reject),
    )
    interrupted.throwIfAborted()
    // Some tools write colours even into a pipe, which makes logs unreadable.
    return { ok: code === 0, output: stripVTControlCharacters(output) }
  } finally {
    interrupted.removeEventListener('abort', onInterrupt)
    forced.removeEventListener('abort', onForce)
  }
}

/**
 * Runs a command that has to succeed.
 * @param {string} doing name of the step in the error
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} [options]
 */
export async function mustRun(doing, command, args, options) {
  const { ok, output } = await run(command, args, options)
  if (!ok) throw new Problem(`${output.trimEnd()}\n\n${doing} failed; its output is above.`)
  return output
}

/**
 * @param {number} pid the leader of a process group
 * @param {NodeJS.Signals} signal
 */
export function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal)
  } catch {
    // It has already exited.
  }
}

/**
 * Returns the start time of a process, for comparison only: a pid may be reused by another process.
 * @param {number} pid
 * @returns {string} '' if there is no such process, or only its zombie
 */
export function startTimeOf(pid) {
  if (process.platform !== 'linux') {
    return spawnSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).stdout.trim()
  }
  try {
    // The second field is the program's name in brackets and may contain anything, so count from
    // its end.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? []
    return 'ZX'.includes(fields[0]) ? '' : fields[19]
  } catch {
    return ''
  }
}

/**
 * @param {number} pid
 * @returns {string} the command line, '' when there is no such process
 */
export function commandLineOf(pid) {
  if (process.platform !== 'linux') {
    return spawnSync('ps', ['-ww', '-o', 'command=', '-p', String(pid)], {
      encoding: 'utf8',
    }).stdout.trim()
  }
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}
