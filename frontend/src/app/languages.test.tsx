import { cleanup, fireEvent, render, screen } from '@testing-library/preact'
import { afterEach, beforeAll, expect, test, vi } from 'vitest'
import type { Problem, SignedOut } from '../shared/api/http'
import { type Catalogue, type Key, use } from '../shared/i18n/text'
import { keep } from '../shared/keep'
import { allTexts, firstTexts } from '../shared/testing/catalogues'
import { controls } from '../shared/testing/controls'
import { type Ceremony, simulatePasskeys } from '../shared/testing/passkeys'
import {
  codeRequest,
  FakeServer,
  json,
  noContent,
  noPendingCode,
  notSignedIn,
  pendingCode,
  type Reply,
  refusal,
  serverTime,
  signedIn,
  unavailable,
} from '../shared/testing/server'
import { type State as ListedState, repliesOf, type Step } from '../shared/testing/states'
import { advance, settle, setVisibility } from '../shared/testing/time'
import { found } from '../workbench/registry'
import { App } from './App'
import { loadPages } from './lazyPages'

interface State {
  url: string
  replies?: Record<string, Reply | Reply[]>
  /** The address that signed in on this browser before. */
  lastEmail?: string
  passkeys?: Ceremony | undefined
  /** The user's actions. */
  act?: () => void | Promise<void>
}

const session = 'GET /api/auth/session'
const request = 'POST /api/auth/code'
const pending = 'GET /api/auth/code'
const verify = 'POST /api/auth/verify'
const resend = 'POST /api/auth/code/resend'
const cancel = 'DELETE /api/auth/code'

/** Buttons are selected by position, because their names depend on the language. */
const press = async (place = 0) => {
  fireEvent.click(screen.getAllByRole('button')[place] as HTMLElement)
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
const goOffline = async () => {
  vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false)
  dispatchEvent(new Event('offline'))
  await settle()
}

const signIn = (reply: Reply): State => ({
  url: '/',
  replies: { [session]: notSignedIn(), [request]: reply },
  act: enter('ada@example.org'),
})
const revoked = (signed_out: SignedOut): State => ({
  url: '/',
  replies: { [session]: notSignedIn({ signed_out }) },
})
const home = (replies: State['replies'], act?: State['act']): State => ({
  url: '/',
  replies: { [session]: json(signedIn), ...replies },
  ...(act && { act }),
})
const due = json(pendingCode({ resend_at: serverTime(0) }))
const code = (replies: State['replies'], act?: State['act']): State => ({
  url: '/verify',
  replies: { [session]: notSignedIn(), [pending]: due, ...replies },
  ...(act && { act }),
})
const alphanumeric = json(pendingCode({ code_kind: 'alphanumeric', code_length: 13 }))
const delivered = (change: Parameters<typeof pendingCode>[0]) =>
  code({ [pending]: json(pendingCode(change)) })

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
const reasons: Record<Exclude<SignedOut['reason'], 'signed_out'>, true> = {
  idle: true,
  max_age: true,
  ended_elsewhere: true,
  ended_by_link: true,
  ended_everywhere: true,
  too_many_sessions: true,
  ended_by_operator: true,
  key_withdrawn: true,
  email_changed: true,
  account_deleted: true,
  recovered: true,
}
const by = 'Firefox on Linux'

/** Converts a state of the workbench. */
function listed({ path, responses, actions = [], without, passkeys }: ListedState): State {
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
    if (without === 'network') await goOffline()
    if (without === 'clipboard')
      vi.spyOn(navigator, 'clipboard', 'get').mockReturnValue(undefined as never)
    for (const step of actions) await perform(step)
    // A page shows its progress indicator after this time.
    await advance(300)
  }
  return { url: path, replies: repliesOf(responses), passkeys, act }
}
const pages = found.map((state) => [state.id, listed(state)])
const later = 8100

const states: Record<string, State> = {
  ...Object.fromEntries(pages),
  'a page that loads slowly': {
    url: '/',
    replies: { [session]: 'never' },
    act: () => advance(300),
  },
  'an unavailable server': { url: '/', replies: { [session]: unavailable() } },
  'no network': { url: '/', replies: { [session]: 'lost' } },
  'a browser that knows it is offline': {
    url: '/',
    replies: { [session]: [notSignedIn(), 'lost'] },
    act: async () => {
      await goOffline()
      await back()
    },
  },
  'no page': { url: '/nowhere' },

  'the sign-in form': { url: '/', replies: { [session]: notSignedIn() } },
  'the sign-in form of a browser that was signed in': {
    url: '/',
    replies: { [session]: notSignedIn() },
    lastEmail: 'ada@example.org',
    act: () => settle(),
  },
  'an address with a typo': {
    url: '/',
    replies: { [session]: notSignedIn() },
    act: () => type('ada@gmial.com'),
  },
  'the sign-in form with a target': {
    url: '/?next=%2Factivity',
    replies: { [session]: notSignedIn() },
  },
  'no address': { url: '/', replies: { [session]: notSignedIn() }, act: () => press() },
  'an invalid address': {
    url: '/',
    replies: { [session]: notSignedIn() },
    act: enter('ada'),
  },
  'an address being sent': signIn('never'),
  ...Object.fromEntries(
    refusals.map(([code, status]) => [
      `an address refused: ${code}`,
      signIn(refusal(status, code, 'Server says')),
    ]),
  ),
  'no cookies': {
    url: '/',
    replies: { [session]: [unavailable(), notSignedIn()] },
    act: () => {
      vi.spyOn(navigator, 'cookieEnabled', 'get').mockReturnValue(false)
      return advance(1000)
    },
  },
  'a limit': signIn(refusal(429, 'too_many_requests', 'Later', { retry_after: 60 })),
  'a limit until later today': signIn(
    refusal(429, 'too_many_requests', 'Later', { retry_after: later }),
  ),
  'a limit until tomorrow': signIn(
    refusal(429, 'too_many_requests', 'Later', { retry_after: 86_000 }),
  ),
  'a limit that is over': {
    ...signIn(refusal(429, 'too_many_requests', 'Later', { retry_after: 60 })),
    act: async () => {
      await enter('ada@example.org')()
      await advance(60_000)
    },
  },

  ...Object.fromEntries(
    (Object.keys(reasons) as SignedOut['reason'][]).map((reason) => [
      `signed out: ${reason}`,
      revoked({ reason }),
    ]),
  ),
  'signed out elsewhere today': revoked({
    reason: 'ended_elsewhere',
    at: new Date().toISOString(),
    by,
  }),
  'signed out everywhere long ago': revoked({
    reason: 'ended_everywhere',
    at: '2001-02-03T04:05:06Z',
    by,
  }),
  'a session that was revoked for an unknown reason': home(
    { [session]: [json(signedIn), notSignedIn()] },
    back,
  ),

  'the sign-in form of an app': {
    url: '/?next=%2Fenter%3Fhost%3Dwiki.example.org%26path%3D%252F%26nonce_hash%3Dabc',
    replies: {
      [session]: notSignedIn(),
      'GET /api/apps/{host}': json({ id: 'wiki', name: 'Wiki' }),
    },
    act: () => settle(),
  },

  'the home page': home({}),
  'the home page after the first sign-in': code(
    { [verify]: json({ ...signedIn, created: true }), [session]: json(signedIn) },
    () => type('123456'),
  ),
  'the home page with apps': home({
    'GET /api/apps': json({ apps: [{ id: 'w', name: 'Wiki', host: 'wiki.example' }] }),
  }),
  'a home page that may be old': home({ [session]: [json(signedIn), unavailable()] }, back),
  'signing out': home({ 'POST /api/auth/sign-out': 'never' }, press),
  'a sign-out that fails': home({ 'POST /api/auth/sign-out': 'lost' }, press),
  'signed out': home(
    { [session]: [json(signedIn), notSignedIn()], 'POST /api/auth/sign-out': noContent() },
    () => press(),
  ),

  queued: delivered({ delivery: 'queued' }),
  late: delivered({ delivery: 'delayed' }),
  'late because of the provider': delivered({
    delivery: 'delayed',
    delivery_reason: 'provider_away',
  }),
  sent: delivered({}),
  arrived: delivered({ delivery: 'delivered' }),
  'a mail at a known provider': delivered({ email: 'ada@gmail.com' }),
  failed: delivered({ delivery: 'failed' }),
  'no such mailbox': delivered({ delivery: 'failed', delivery_reason: 'no_such_mailbox' }),
  blocked: delivered({ delivery: 'failed', delivery_reason: 'blocked' }),
  refused: delivered({ delivery: 'failed', delivery_reason: 'refused' }),
  'provider unavailable': delivered({ delivery: 'failed', delivery_reason: 'provider_away' }),
  'the code page with an error': code({ [pending]: [due, unavailable()] }, back),

  'no code': code({}, () => press()),
  'a strange code': code({}, enter('12345x')),
  'a short code': code({}, enter('12')),
  'no alphanumeric code': code({ [pending]: alphanumeric }, () => press()),
  'a strange alphanumeric code': code({ [pending]: alphanumeric }, enter('!')),
  'a short alphanumeric code': code({ [pending]: alphanumeric }, enter('ABC')),
  'a code being checked': code({ [verify]: 'never' }, () => type('123456')),
  'a code that cannot be checked': code({ [verify]: 'lost' }, () => type('123456')),
  'a wrong code': code({ [verify]: refusal(401, 'wrong_code', 'No', { tries_left: 4 }) }, () =>
    type('123456'),
  ),
  'the last but one wrong code': code(
    { [verify]: refusal(401, 'wrong_code', 'No', { tries_left: 1 }) },
    () => type('123456'),
  ),
  ...Object.fromEntries(
    refusals.map(([problem, status]) => [
      `a code refused: ${problem}`,
      code({ [verify]: refusal(status, problem, 'Server says') }, () => type('123456')),
    ]),
  ),
  'an expired code': delivered({ expires_at: serverTime(0) }),
  'a locked code': delivered({ tries_left: 0 }),
  'another code later today': delivered({ resend_at: serverTime(later) }),
  'another code tomorrow': delivered({ resend_at: serverTime(86_000) }),
  'a new code for a locked one later today': delivered({
    tries_left: 0,
    resend_at: serverTime(later),
  }),
  'a resend in progress': code({ [resend]: 'never' }, () => press(1)),
  'a resend': code({ [resend]: json(codeRequest(), 202) }, () => press(1)),
  'a failed resend': code({ [resend]: 'lost' }, () => press(1)),
  'a cancellation in progress': code({ [cancel]: 'never' }, () => press(2)),
  'a failed cancellation': code({ [cancel]: 'lost' }, () => press(2)),
  'a lost sign-in': code({ [pending]: noPendingCode() }),
  'a code of a link': { ...code({}), url: '/verify#c=123456' },
  'a link in another browser': { ...code({ [pending]: noPendingCode() }), url: '/verify#c=123456' },
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

async function wordsIn({ url, replies = {}, lastEmail, passkeys, act }: State): Promise<string[]> {
  simulatePasskeys(passkeys)
  history.replaceState(null, '', url)
  vi.setSystemTime(new Date().setHours(12, 0, 0, 0))
  if (lastEmail) keep('email', lastEmail)
  // The server uses up a list of replies.
  new FakeServer(
    Object.fromEntries(Object.entries(replies).map(([call, reply]) => [call, [reply].flat()])),
  )
  render(<App />)
  await settle()
  await act?.()
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
    ({ url, passkeys, replies = {} }) =>
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
