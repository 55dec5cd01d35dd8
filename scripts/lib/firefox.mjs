// A released Firefox, driven by WebDriver BiDi: Playwright drives only a build of its own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitFor } from './interrupt.mjs'
import { freePort } from './ports.mjs'
import { Problem } from './problem.mjs'
import { start } from './processes.mjs'
import { findProgram, installMissing } from './system-packages.mjs'

const names = ['firefox-esr', 'firefox', '/Applications/Firefox.app/Contents/MacOS/firefox']
/** As WebDriver writes the key (https://www.w3.org/TR/webdriver2/#keyboard-actions). */
const enter = '\uE007'
const limits = { timeout: 30_000 }

/** @returns {Promise<string>} a Firefox that runs, installed if there was none */
export async function provideFirefox() {
  const reason = await installMissing(findProgram(names) ? [] : ['firefox-esr'])
  const found = findProgram(names)
  if (found) return found
  throw new Problem(`${reason}\nFirefox is missing and was not installed.`.trimStart())
}

/** A Firefox with a profile of its own and one page. */
export class Firefox {
  /** @type {Map<number, (answer: any) => void>} */
  #waiting = new Map()
  #last = 0
  #context = ''

  /**
   * @param {import('./processes.mjs').Child} child
   * @param {WebSocket} socket
   * @param {string} profile
   */
  constructor(child, socket, profile) {
    this.child = child
    this.socket = socket
    this.profile = profile
    socket.addEventListener('message', ({ data }) => {
      const answer = JSON.parse(data)
      this.#waiting.get(answer.id)?.(answer)
    })
  }

  /**
   * @param {string} program
   * @param {Record<string, unknown>} preferences as about:config names them
   */
  static async start(program, preferences) {
    const profile = mkdtempSync(join(tmpdir(), 'sana-firefox-'))
    const lines = Object.entries(preferences).map(
      ([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});`,
    )
    writeFileSync(join(profile, 'user.js'), lines.join('\n'))
    const port = await freePort()
    const args = [
      '--headless',
      '--no-remote',
      '--profile',
      profile,
      `--remote-debugging-port=${port}`,
    ]
    const child = await start(program, args, { stdio: 'ignore' })
    const socket = await waitFor(() => connect(`ws://127.0.0.1:${port}/session`), limits)
    if (!socket) {
      await child.stop()
      throw new Problem('Firefox did not start within 30 s.')
    }
    const firefox = new Firefox(child, socket, profile)
    await firefox.#send('session.new', { capabilities: {} })
    const { contexts } = await firefox.#send('browsingContext.getTree', {})
    firefox.#context = contexts[0].context
    return firefox
  }

  /** @param {string} url */
  async open(url) {
    await this.#send('browsingContext.navigate', { context: this.#context, url, wait: 'complete' })
  }

  /**
   * Types into the field that has the focus, and presses Enter.
   * @param {string} text
   */
  async type(text) {
    const keys = [...text, enter].flatMap((value) => [
      { type: 'keyDown', value },
      { type: 'keyUp', value },
    ])
    const actions = [{ type: 'key', id: 'keyboard', actions: keys }]
    await this.#send('input.performActions', { context: this.#context, actions })
  }

  /**
   * Evaluates an expression in the page until its value is true.
   * @param {string} expression
   */
  async until(expression) {
    if (await waitFor(async () => (await this.evaluate(expression)) === true, limits)) return
    const text = await this.evaluate(allText)
    throw new Problem(`This did not become true in Firefox: ${expression}\nThe page: ${text}`)
  }

  /**
   * @param {string} expression whose value is a text, a number or a boolean
   * @returns {Promise<unknown>}
   */
  async evaluate(expression) {
    const target = { context: this.#context }
    const { result } = await this.#send('script.evaluate', {
      expression,
      target,
      awaitPromise: true,
    })
    return result?.value
  }

  async close() {
    this.socket.close()
    await this.child.stop()
    rmSync(this.profile, { recursive: true, force: true })
  }

  /**
   * @param {string} method
   * @param {object} params
   * @returns {Promise<any>}
   */
  async #send(method, params) {
    const id = ++this.#last
    const answered = new Promise((resolve) => this.#waiting.set(id, resolve))
    this.socket.send(JSON.stringify({ id, method, params }))
    const answer = await answered
    this.#waiting.delete(id)
    if (answer.type === 'success') return answer.result
    throw new Problem(`Firefox rejected ${method}: ${answer.message}`)
  }
}

const allText = 'document.body.innerText'

/**
 * @param {string} url
 * @returns {Promise<WebSocket | undefined>}
 */
function connect(url) {
  return new Promise((resolve) => {
    const socket = new WebSocket(url)
    socket.addEventListener('open', () => resolve(socket))
    socket.addEventListener('error', () => resolve(undefined))
  })
}
