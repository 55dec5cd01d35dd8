// npm run firefox: walks through bin/sana in a real Firefox with settings that Playwright's builds
// lack: blocked cookies, and a language that is not a language tag. npm test does not run it.
import { build } from './lib/builds.mjs'
import { Firefox, provideFirefox } from './lib/firefox.mjs'
import { waitFor } from './lib/interrupt.mjs'
import { prepare } from './lib/prepare.mjs'
import { Problem, runMain } from './lib/problem.mjs'
import { withTestServer } from './lib/server.mjs'

const fieldHasFocus = `document.activeElement instanceof HTMLInputElement`
const shows = (/** @type {string} */ words) =>
  `document.body.innerText.includes(${JSON.stringify(words)})`

/**
 * @typedef {{
 *   preferences: Record<string, unknown>
 *   walk: (firefox: Firefox, url: string) => Promise<void>
 * }} Walk
 * @type {Record<string, Walk>}
 */
const walks = {
  'blocked cookies are reported before a mail is sent': {
    preferences: { 'network.cookie.cookieBehavior': 2 },
    walk: async (firefox, url) => {
      await firefox.open(url)
      await firefox.until(fieldHasFocus)
      await firefox.type('blocked@example.org')
      await firefox.until(shows('Your browser is blocking cookies.'))
      if (await readCode(url, 'blocked@example.org'))
        throw new Problem('A mail was sent although cookies are blocked.')
    },
  },
  'a language that is not a language tag does not prevent a sign-in': {
    preferences: { 'intl.accept_languages': 'en-US@posix' },
    walk: async (firefox, url) => {
      await firefox.open(url)
      const language = await firefox.evaluate('navigator.language')
      if (language !== 'en-US@posix')
        throw new Problem(`Firefox has the language ${language} instead of en-US@posix.`)
      await firefox.until(fieldHasFocus)
      await firefox.type('posix@example.org')
      await firefox.until(`${shows('Check your email')} && ${fieldHasFocus}`)
      const code = await waitFor(() => readCode(url, 'posix@example.org'), { timeout: 15_000 })
      if (!code) throw new Problem('No code arrived.')
      await firefox.type(code)
      await firefox.until(shows('Your account'))
    },
  },
}

/**
 * @param {string} url
 * @param {string} address
 * @returns {Promise<string | undefined>}
 */
async function readCode(url, address) {
  /** @type {{ to: string, subject: string }[]} */
  const mails = await (await fetch(`${url}/dev/inbox.json`)).json()
  return mails.find(({ to }) => to === address)?.subject.match(/^\d{6,8}/)?.[0]
}

async function main() {
  await prepare()
  await build()
  const program = await provideFirefox()
  await withTestServer(async (url) => {
    for (const [name, { preferences, walk }] of Object.entries(walks)) {
      const firefox = await Firefox.start(program, preferences)
      try {
        await walk(firefox, url)
      } finally {
        await firefox.close()
      }
      console.log(`ok  ${name}`)
    }
  })
  return 0
}

await runMain(main)
