import { cleanup, fireEvent, render, screen } from '@testing-library/preact'
import { afterEach, beforeAll, expect, test, vi } from 'vitest'
import type { Problem } from '../shared/api/http'
import { type Catalogue, type Key, use } from '../shared/i18n/text'
import { keep } from '../shared/keep'
import { allTexts, firstTexts } from '../shared/testing/catalogues'
import { controls } from '../shared/testing/controls'
import { type Ceremony, simulatePasskeys } from '../shared/testing/passkeys'
import {
  FakeServer,
  json,
  notSignedIn,
  pendingCode,
  type Reply,
  refusal,
  serverTime,
  signedIn,
} from '../shared/testing/server'
import { type State as ListedState, repliesOf, type Step } from '../shared/testing/states'
import { advance, settle, setVisibility } from '../shared/testing/time'
import { found } from '../workbench/registry'
import { App } from './App'
import { loadPages } from './lazyPages'

interface State {
  url: string
  replies: Record<string, Reply | Reply[]>
  /** The address that signed in on this browser before. */
  lastEmail?: string | undefined
  passkeys?: Ceremony | undefined
  without?: ListedState['without']
  /** The user's actions. */
  act: () => void | Promise<void>
}

const session = 'GET /api/auth/session'
const request = 'POST /api/auth/code'
const pending = 'GET /api/auth/code'
const verify = 'POST /api/auth/verify'

/** Buttons are selected by position, because their names depend on the language. */
const press = async () => {
  fireEvent.click(screen.getAllByRole('button')[0] as HTMLElement)
  await settle()
}
const type = async (value: string) => {
  fireEvent.input(screen.getByRole('textbox'), { target: { value } })
  await settle()
}
const enter = (value: string) => async () => {
  await type(value)
  await press()
}
const back = () => setVisibility('visible')

const signIn = (reply: Reply): State => ({
  url: '/',
  replies: { [session]: notSignedIn(), [request]: reply },
  act: enter('ada@example.org'),
})
const code = (replies: State['replies'], act: State['act'] = settle): State => ({
  url: '/verify',
  replies: { [session]: notSignedIn(), [pending]: json(pendingCode()), ...replies },
  act,
})
const alphanumeric = json(pendingCode({ code_kind: 'alphanumeric', code_length: 13 }))

const statuses: Record<Problem['code'], number> = {
  invalid_request: 400,
  invalid_email: 400,
  invalid_code: 400,
  invalid_name: 400,
  email_unchanged: 400,
  not_signed_in: 401,
  wrong_code: 401,
  unknown_passkey: 401,
  passkey_refused: 401,
  cross_origin_request: 403,
  sign_up_closed: 403,
  reauthentication_required: 403,
  invalid_signature: 403,
  not_found: 404,
  no_pending_code: 404,
  no_recovery: 404,
  method_not_allowed: 405,
  event_refused: 406,
  request_timeout: 408,
  browser_token_missing: 409,
  not_with_this_store: 409,
  email_taken: 409,
  too_many_passkeys: 409,
  two_passkeys_needed: 409,
  recovery_required: 409,
  code_expired: 410,
  request_too_large: 413,
  unsupported_media_type: 415,
  misdirected_request: 421,
  too_many_tries: 429,
  too_many_wrong_codes: 429,
  too_many_requests: 429,
  header_too_large: 431,
  internal_error: 500,
  unavailable: 503,
}
const refusals = Object.entries(statuses) as [Problem['code'], number][]
/** Converts a state of the workbench. */
function listed({ path, responses, actions = [], ...rest }: ListedState): State {
  const perform = (step: Step) => {
    if ('returns' in step) return back()
    if ('press' in step) fireEvent.click(controls('button')[step.press] as HTMLElement)
    else
      fireEvent.input(controls('input')[step.into ?? 0] as HTMLElement, {
        target: { value: step.type },
      })
    return settle()
  }
  const act = async () => {
    // happy-dom would navigate to a download's address.
    vi.spyOn(HTMLAnchorElement.prototype, 'click').mockReturnValue()
    if (rest.without === 'network') {
      vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false)
      dispatchEvent(new Event('offline'))
      await settle()
    }
    if (rest.without === 'clipboard')
      vi.spyOn(navigator, 'clipboard', 'get').mockReturnValue(undefined as never)
    for (const step of actions) await perform(step)
    // A page shows its progress indicator after this time.
    await advance(300)
  }
  const { lastEmail, passkeys, without } = rest
  return { url: path, replies: repliesOf(responses), lastEmail, passkeys, without, act }
}
const later = 8100

/** The states of the workbench, and those that only differ from one of them by their texts. */
const states: Record<string, State> = {
  ...Object.fromEntries(found.map((state) => [state.id, listed(state)])),
  ...Object.fromEntries(
    refusals.flatMap(([problem, status]) => {
      const reply = () => refusal(status, problem, 'Server says')
      return [
        [`an address refused: ${problem}`, signIn(reply())],
        [`a code refused: ${problem}`, code({ [verify]: reply() }, () => type('123456'))],
      ]
    }),
  ),
  'a limit until later today': signIn(
    refusal(429, 'too_many_requests', 'Later', { retry_after: later }),
  ),
  'a session that was revoked for an unknown reason': {
    url: '/',
    replies: { [session]: [json(signedIn), notSignedIn()] },
    act: back,
  },
  'no alphanumeric code': code({ [pending]: alphanumeric }, press),
  'a strange alphanumeric code': code({ [pending]: alphanumeric }, enter('!')),
  'another code later today': code({
    [pending]: json(pendingCode({ resend_at: serverTime(later) })),
  }),
  'a new code for a locked one later today': code({
    [pending]: json(pendingCode({ tries_left: 0, resend_at: serverTime(later) })),
  }),
}

/** Names that are the same in every language. */
const names = new RegExp(
  [
    /[\w.+-]+@[\w.-]+|example\.(org|net)|gmail\.com|Gmail|(a-long-name\.)+ada@|ada@|grace@|Grace/,
    /Sana|Firefox|Linux|Safari|iOS|1Password|English|Deutsch|Français|Español|日本語/,
    /request-1|VN5QDLZ7T2K4H6WJ3XRM|7 ?Q ?K ?2 ?M ?9 ?X ?W ?V ?4 ?R ?T ?B|sana_key_[\w-]+/,
    /2001:[\da-f:]+|^[A-Z]$|sun risen|grafana\.monitoring\.[\w.-]*|Wiki|wiki\.example(\.org)?/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
)
/** The names of users, apps, browsers and systems in the states, the longest first. */
const givenNames = found
  .flatMap(({ responses }) => [
    ...JSON.stringify(responses).matchAll(/"(?:name|by|browser|system|ended|passkey)":"([^"]+)"/g),
  ])
  .flatMap(([, name]) => name?.split(' on ') ?? [])
  .sort((a, b) => b.length - a.length)
const withoutNames = (words: string) =>
  givenNames.reduce((left, name) => left.replaceAll(name, ''), words).replace(names, '')
const textAttributes = ['aria-label', 'title', 'alt', 'placeholder', 'data-what', 'data-next']

/** All visible and accessible texts of the page, without the names. */
function wordsOnPage(): string[] {
  const attributes = [...document.querySelectorAll('*')].flatMap((element) =>
    textAttributes.map((name) => element.getAttribute(name) ?? ''),
  )
  const texts: string[] = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) texts.push(walker.currentNode.textContent ?? '')
  return [document.title, ...texts, ...attributes]
    .map((words) => withoutNames(words).trim())
    .filter((words) => /\p{L}|[{}]/u.test(words))
}

async function wordsIn({
  url,
  replies,
  lastEmail,
  passkeys,
  without,
  act,
}: State): Promise<string[]> {
  simulatePasskeys(passkeys)
  history.replaceState(null, '', url)
  vi.setSystemTime(new Date().setHours(12, 0, 0, 0))
  if (lastEmail) keep('email', lastEmail)
  if (without === 'cookies') vi.spyOn(navigator, 'cookieEnabled', 'get').mockReturnValue(false)
  // The server uses up a list of replies.
  new FakeServer(
    Object.fromEntries(Object.entries(replies).map(([call, reply]) => [call, [reply].flat()])),
  )
  render(<App />)
  await settle()
  await act()
  const words = wordsOnPage()
  cleanup()
  vi.restoreAllMocks()
  vi.clearAllTimers()
  localStorage.clear()
  globalThis.scrollTo = () => {}
  return words
}

/** Texts in marked letters: text without them does not come from the catalogue. */
function marked<Text>(text: Text): Text {
  if (typeof text !== 'string') return text
  const wide = (letters: string) =>
    letters.replace(/[a-z]/gi, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0))
  return text.replace(/\{\w+\}|[^{]+/g, (part) =>
    part.startsWith('{') ? part : wide(part),
  ) as Text
}

// Each test visits all states.
vi.setConfig({ testTimeout: 240_000, hookTimeout: 120_000 })

const { en } = allTexts

beforeAll(async () => {
  globalThis.scrollTo = () => {}
  // An operator with all links.
  for (const rel of ['help', 'privacy-policy', 'terms-of-service', 'author'])
    document.head.append(
      Object.assign(document.createElement('link'), { rel, href: `https://example.org/${rel}` }),
    )
  await loadPages()
  vi.useFakeTimers()
})
afterEach(() => use(allTexts.en, 'en-GB'))

test('all texts on pages are in the catalogue, and all of the catalogue on pages', async () => {
  const seen = new Set<string>()
  const texts = new Proxy(en, {
    get: (_, key: keyof typeof en) => {
      seen.add(key)
      const found = en[key]
      return typeof found === 'string'
        ? marked(found)
        : { one: marked(found.one), other: marked(found.other) }
    },
  })
  // Japanese dates have no Latin letters either.
  use(texts, 'ja')
  for (const [name, state] of Object.entries(states)) {
    const words = await wordsIn(state)
    expect(words.length, name).toBeGreaterThan(0)
    expect(
      words.filter((each) => /[a-z{}]/i.test(each)),
      name,
    ).toEqual([])
  }
  expect(Object.keys(en).filter((key) => !seen.has(key))).toEqual([])
})

test('visitors who are not signed in load no texts of lazy pages', async () => {
  use(firstTexts.en, 'en-GB')
  const isNoSuccess = (reply: Reply) => !(reply instanceof Response && reply.ok)
  const first = Object.values(states).filter(
    ({ url, passkeys, replies }) =>
      url === '/' &&
      !passkeys &&
      [replies[session] ?? [], replies[request] ?? []].flat().every(isNoSuccess),
  )
  expect(first.length).toBeGreaterThan(30)
  for (const state of first) await wordsIn(state)
})

// With the test above: pages have only texts of the catalogue.
test.each(Object.entries(allTexts).filter(([language]) => language !== 'en'))(
  'no text in %s is the English one',
  (_, catalogue) => {
    const wordsOf = (text: Catalogue[Key]) =>
      typeof text === 'string' ? [text] : Object.values(text)
    const same = Object.entries(catalogue).filter(
      ([key, text]) =>
        key !== 'passkeys.title' &&
        wordsOf(text).some(
          (words) =>
            wordsOf(en[key as keyof typeof en]).includes(words) &&
            /\p{L}{3}/u.test(words.replace(/\{\w+\}/g, '')),
        ),
    )
    expect(same).toEqual([])
  },
)
