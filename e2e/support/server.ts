// bin/sana as a process, which a test can kill and restart.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { waitFor } from '../../scripts/lib/interrupt.mjs'
import { binary } from '../../scripts/lib/paths.mjs'
import { freePort } from '../../scripts/lib/ports.mjs'

interface Options {
  databaseUrl: string
  /** Its working directory, where it stores its development key. */
  folder: string
  /** The browser's address of the server, if it is not the server's own. */
  publicUrl?: string
  /** The host name in the address, if publicUrl is not set. */
  host?: string
  /** The number of proxies in front of it. */
  hops?: number
  /** The text of its apps file; with apps it starts a gate. */
  apps?: string | undefined
  /** A program other than bin/sana. */
  program?: string
}

export class Server {
  readonly url: string
  /** The browser's address of the server. */
  readonly publicUrl: string
  /** The proxies' address of its gate, if it has apps. */
  readonly gateUrl: string
  /** The output of all its processes. */
  log = ''
  #child: ChildProcess | undefined

  private constructor(
    private readonly port: number,
    private readonly gatePort: number,
    private readonly options: Options,
  ) {
    this.url = `http://127.0.0.1:${port}`
    this.gateUrl = `http://127.0.0.1:${gatePort}`
    this.publicUrl = options.publicUrl ?? `http://${options.host ?? '127.0.0.1'}:${port}`
  }

  static async start(options: Options): Promise<Server> {
    const server = new Server(await freePort(), await freePort(), options)
    await server.start()
    return server
  }

  /** Starts the process at the same address as before, and waits until it is ready. */
  async start(): Promise<void> {
    const { databaseUrl, folder, hops = 0, apps, program = binary } = this.options
    const env = {
      PATH: process.env.PATH,
      APP_ENV: 'development',
      PORT: String(this.port),
      PUBLIC_URL: this.publicUrl,
      DATABASE_URL: databaseUrl,
      TRUSTED_PROXY_HOPS: String(hops),
      ...(apps && { APPS_FILE: 'apps.yaml', GATE_ADDR: `127.0.0.1:${this.gatePort}` }),
    }
    if (apps) writeFileSync(join(folder, 'apps.yaml'), apps)
    const child = spawn(program, ['serve'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (text) => (this.log += text))
    const ready = await waitFor(() => child.exitCode !== null || this.#isReady(), {
      timeout: 30_000,
    })
    if (!ready || child.exitCode !== null)
      throw new Error(`bin/sana did not become ready:\n${this.log}`)
  }

  async #isReady(): Promise<boolean> {
    const response = await fetch(`${this.url}/readyz`).catch(() => undefined)
    return response?.ok ?? false
  }

  /** Sends SIGKILL, which allows no graceful shutdown. */
  async kill(): Promise<void> {
    const child = this.#child
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  async killAndRestart(): Promise<void> {
    await this.kill()
    await this.start()
  }
}
