// A copy of the repository in its own folder, like a fresh clone, in which `npm start` is run.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { waitFor } from '../../scripts/lib/interrupt.mjs'
import { root } from '../../scripts/lib/paths.mjs'
import { commandLineOf, startTimeOf } from '../../scripts/lib/processes.mjs'

const excluded = ['.git', '.data', 'bin', 'node_modules', 'test-results']

/** The variables that npm and Go need; none that configures the database or mail of Sana. */
const tools = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => /^(PATH|HOME|TMPDIR|XDG_\w+|C?GO\w+)$/.test(name)),
)

export class Checkout {
  /** A folder that only its owner can enter, as mktemp makes it. */
  readonly folder = mkdtempSync(join(tmpdir(), 'sana-start-'))
  readonly #started: Run[] = []

  constructor() {
    const isCopied = (path: string) => !excluded.includes(basename(path))
    cpSync(root, this.folder, {
      recursive: true,
      filter: (path) => path === root || isCopied(path),
    })
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'))
  }

  /** Starts one of the scripts as npm does, without npm around it. */
  run(script: 'start' | 'dev', env: Record<string, string>): Run {
    return this.#start(process.execPath, [`scripts/${script}.mjs`], {
      ...env,
      npm_lifecycle_event: script,
    })
  }

  /** Starts npm as a terminal does, in a process group of its own. */
  npm(args: string[], env: Record<string, string>): Run {
    return this.#start('npm', args, env, true)
  }

  #start(command: string, args: string[], env: Record<string, string>, detached = false): Run {
    const run = new Run(this.folder, command, args, env, detached)
    this.#started.push(run)
    return run
  }

  /** @returns 0 if there is none */
  get postgresPid(): number {
    const file = join(this.folder, '.data/postgres/data/postmaster.pid')
    return existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : 0
  }

  /** The servers that were started here and still run. */
  get serverPids(): number[] {
    return this.#records.map(({ child }) => child.pid)
  }

  /** The command lines of all processes that run in the folder. Works on Linux only. */
  get processes(): string[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && isIn(this.folder, Number(name)))
      .map((pid) => commandLineOf(Number(pid)))
  }

  /** The scripts' records of the processes that they run. */
  get #records(): { child: { pid: number } }[] {
    const folder = join(this.folder, '.data/running')
    if (!existsSync(folder)) return []
    return readdirSync(folder).map((name) => JSON.parse(readFileSync(join(folder, name), 'utf8')))
  }

  /** Moves a file or folder away, as if it had never been created here. */
  moveAway(path: string): void {
    renameSync(join(this.folder, path), join(this.folder, `${path}.before-${Date.now()}`))
  }

  async stopAll(): Promise<void> {
    for (const run of this.#started) await run.stop()
  }

  /**
   * Stops the remaining processes, also if a test was aborted after a kill -9, and removes the
   * folder.
   */
  async remove(): Promise<void> {
    await this.stopAll()
    await Promise.all([...this.serverPids, this.postgresPid].filter(isAlive).map(killAndWait))
    rmSync(this.folder, { recursive: true, force: true })
  }
}

function isIn(folder: string, pid: number): boolean {
  try {
    const cwd = readlinkSync(`/proc/${pid}/cwd`)
    return isAlive(pid) && (cwd === folder || cwd.startsWith(`${folder}/`))
  } catch {
    return false // it has exited, or belongs to another user
  }
}

export class Run {
  output = ''
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>

  constructor(
    folder: string,
    command: string,
    args: string[],
    env: Record<string, string>,
    detached: boolean,
  ) {
    const options = { cwd: folder, env: { ...tools, ...env }, detached }
    this.#child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#exited = once(this.#child, 'exit')
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (text) => (this.output += text))
  }

  /** Waits until the output contains `words`. */
  async waitForOutput(words: string, timeout = 180_000): Promise<void> {
    await waitFor(() => this.output.includes(words) || this.#hasExited(), { timeout })
    if (!this.output.includes(words))
      throw new Error(`the output does not contain "${words}":\n${this.output}`)
  }

  waitUntilReady(): Promise<void> {
    return this.waitForOutput('Stop with Ctrl-C')
  }

  /** @returns the exit code */
  async signal(signal: NodeJS.Signals): Promise<number | null> {
    this.#child.kill(signal)
    return await this.exitCode()
  }

  /**
   * Sends the signal to the process group, as Ctrl-C does in a terminal.
   * @returns the exit code
   */
  async signalGroup(signal: NodeJS.Signals): Promise<number | null> {
    process.kill(-(this.#child.pid ?? 0), signal)
    return await this.exitCode()
  }

  async exitCode(): Promise<number | null> {
    await this.#exited
    return this.#child.exitCode
  }

  async stop(): Promise<void> {
    if (!this.#hasExited()) await this.signal('SIGINT')
  }

  #hasExited(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }
}

/** Sends SIGKILL, and waits until the process has exited. */
export async function killAndWait(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  await waitFor(() => !isAlive(pid), { timeout: 10_000 })
}

export function isAlive(pid: number): boolean {
  return startTimeOf(pid) !== ''
}
