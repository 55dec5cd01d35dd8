// A copy of the repository in a folder of its own, as a fresh clone would be, in which `npm start` is run for real.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { waitFor } from '../../scripts/lib/interrupt.mjs'
import { root } from '../../scripts/lib/paths.mjs'
import { startTimeOf } from '../../scripts/lib/processes.mjs'

const left = ['.git', '.data', 'bin', 'node_modules', 'test-results']

export class Checkout {
  /** A folder that only its owner can enter, as mktemp makes it. */
  readonly folder = mkdtempSync(join(tmpdir(), 'sana-start-'))
  readonly #started: Run[] = []

  constructor() {
    const isCopied = (path: string) => !left.includes(basename(path))
    cpSync(root, this.folder, { recursive: true, filter: (path) => path === root || isCopied(path) })
    symlinkSync(join(root, 'node_modules'), join(this.folder, 'node_modules'))
  }

  /** Starts `npm run <script>` as a terminal does, the leader of a process group. */
  run(script: 'start' | 'dev', env: Record<string, string>): Run {
    const run = new Run(this.folder, script, env)
    this.#started.push(run)
    return run
  }

  get postgresPid(): number {
    return Number(readFileSync(join(this.folder, '.data/postgres/data/postmaster.pid'), 'utf8').split('\n')[0])
  }

  /** The servers that were started here and have not been seen to end. */
  get serverPids(): number[] {
    const folder = join(this.folder, '.data/running')
    return readdirSync(folder).map((name) => Number.parseInt(name, 10))
  }

  /** Moves something out of the way, as if it had never been made here. */
  setAside(path: string): void {
    renameSync(join(this.folder, path), join(this.folder, `${path}.before-${Date.now()}`))
  }

  async endAll(): Promise<void> {
    for (const run of this.#started) await run.end()
  }

  async remove(): Promise<void> {
    await this.endAll()
    rmSync(this.folder, { recursive: true, force: true })
  }
}

export class Run {
  output = ''
  readonly #child: ChildProcess
  readonly #exited: Promise<unknown>

  constructor(folder: string, script: string, env: Record<string, string>) {
    // A test runner's environment is not a person's.
    const { NODE_OPTIONS: _, NODE_ENV: __, ...outer } = process.env
    const options = { cwd: folder, env: { ...outer, ...env }, detached: true, stdio: 'pipe' as const }
    this.#child = spawn('npm', ['run', script], options)
    this.#exited = once(this.#child, 'exit')
    for (const stream of [this.#child.stdout, this.#child.stderr]) stream?.on('data', (text) => (this.output += text))
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Waits until it has printed `words`. */
  async says(words: string, timeout = 90_000): Promise<void> {
    const said = () => this.output.includes(words) || this.#child.exitCode !== null
    await waitFor(said, { timeout })
    if (!this.output.includes(words)) throw new Error(`"${words}" was not said:\n${this.output}`)
  }

  isReady(): Promise<void> {
    return this.says('Stop with Ctrl-C')
  }

  /** Ctrl-C: the terminal sends SIGINT to the whole foreground process group. */
  async interrupt(): Promise<number | null> {
    process.kill(-this.pid, 'SIGINT')
    return await this.exitCode()
  }

  async exitCode(): Promise<number | null> {
    await this.#exited
    return this.#child.exitCode
  }

  /** kill -9 of npm and the script; what they have started lives on. */
  async kill(): Promise<void> {
    process.kill(-this.pid, 'SIGKILL')
    await this.#exited
  }

  /** Ends it if it still runs. */
  async end(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.interrupt()
  }
}

/** kill -9, and wait until it is gone. */
export async function killAndWait(pid: number): Promise<void> {
  process.kill(pid, 'SIGKILL')
  await waitFor(() => !isAlive(pid), { timeout: 10_000 })
}

export function isAlive(pid: number): boolean {
  return startTimeOf(pid) !== ''
}
