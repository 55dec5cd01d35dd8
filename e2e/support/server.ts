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
  /** Its working directory, which has its development key, as in a checkout. */
  folder: string
  /** The browser's address of the server, if it is not the server's own. */
  publicUrl?: string
  /** Or the host name in the browser's address. */
  host?: string
  /** The number of proxies in front of it. */
  hops?: number
  /** The text of its apps file; with one it opens a gate. */
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
  /** Its whole output, over all its starts. */
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

  /** Starts it, at the same address as before, and waits until it is ready. */
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
      throw new Error(`bin/sana does not get ready:\n${this.log}`)
  }

  async #isReady(): Promise<boolean> {
    const answer = await fetch(`${this.url}/readyz`).catch(() => undefined)
    return answer?.ok ?? false
  }

  /** Sends SIGKILL: it cannot shut down gracefully. */
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
