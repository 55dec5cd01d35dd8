import { type Answer, get, isRefusal, post, withToken } from '../api/http'

type SignedIn = Awaited<ReturnType<typeof post<'/api/auth/passkey'>>>
type NewPasskey = Awaited<ReturnType<typeof post<'/api/account/passkeys'>>>

/** Methods that are missing in TypeScript and in some browsers. */
interface Signals {
  signalUnknownCredential?: (unknown: { rpId: string; credentialId: string }) => Promise<void>
}

/**
 * Whether this browser knows passkeys in the form of the API, at an address that can have some: no
 * IP address can.
 */
export function hasPasskeys(): boolean {
  return (
    'parseRequestOptionsFromJSON' in (window.PublicKeyCredential ?? {}) &&
    !/^[\d.]+$|:/.test(location.hostname)
  )
}

/** The ceremony that the browser is at: it refuses a second one. */
let current: AbortController | undefined

function only(ceremony: AbortController): AbortSignal {
  current?.abort()
  current = ceremony
  return ceremony.signal
}

/**
 * Has the person choose a passkey, to sign in or to step up. The ceremony before this one is
 * aborted.
 * @returns what sends the proof to the server; undefined if there is none: the person or
 * `ceremony` has ended it, or its time was over. Throws Refused or Unreachable.
 */
export async function choosePasskey(mediation?: 'conditional', ceremony = new AbortController()) {
  const signal = only(ceremony)
  const options = await withToken(() => get('/api/auth/passkey'))
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options)
  const chosen = await quietly(
    navigator.credentials.get({ publicKey, signal, ...(mediation && { mediation }) }),
  )
  return chosen && (() => prove(chosen, options))
}

async function prove(
  chosen: PublicKeyCredential,
  { rpId }: Answer<'/api/auth/passkey'>,
): Promise<SignedIn> {
  try {
    return await post('/api/auth/passkey', { credential: asJson(chosen) })
  } catch (error) {
    // Only then: the browser offers it no more.
    if (isRefusal(error, 'unknown_passkey')) {
      const { signalUnknownCredential } = PublicKeyCredential as Signals
      signalUnknownCredential?.({ rpId, credentialId: chosen.id }).catch(() => {})
    }
    throw error
  }
}

/** As choosePasskey, and sends the proof. */
export async function provePasskey(): Promise<SignedIn | undefined> {
  const send = await choosePasskey()
  return send?.()
}

/**
 * Has an authenticator make a passkey for the account.
 * @returns undefined as choosePasskey; 'known'
 * if the authenticator has one already. Throws Refused or Unreachable.
 */
export async function addPasskey(): Promise<NewPasskey | 'known' | undefined> {
  const options = await withToken(() => get('/api/account/passkeys/options'))
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options)
  const signal = only(new AbortController())
  const making = navigator.credentials.create({ publicKey, signal })
  const made = await quietly(making)
  if (made) return post('/api/account/passkeys', { credential: asJson(made) })
  return making.then(
    () => undefined,
    ({ name }: DOMException) => (name === 'InvalidStateError' ? 'known' : undefined),
  )
}

type CredentialJson = Parameters<typeof post<'/api/auth/passkey'>>[1]['credential']

function asJson(credential: PublicKeyCredential): CredentialJson {
  return credential.toJSON() as object as CredentialJson
}

/**
 * The outcome of a ceremony; undefined if it came to no good end. Browsers do not tell pages why.
 */
function quietly(ceremony: Promise<Credential | null>): Promise<PublicKeyCredential | undefined> {
  return ceremony.then(
    (credential) => (credential as PublicKeyCredential | null) ?? undefined,
    () => undefined,
  )
}

/** A challenge is good for five minutes. */
const renewal = 240_000

/**
 * Offers passkeys where the browser fills in the address, until the function is called that it
 * returns. `take` gets what sends the proof. Errors on the way are not shown: the user has done
 * nothing yet.
 */
export function offerPasskeys(take: (send: () => Promise<SignedIn>) => void): () => void {
  const ended = new AbortController()
  let ceremony: AbortController | undefined
  let timer: ReturnType<typeof setTimeout>
  let isOld = true
  const offer = async () => {
    // A browser that shows its own page for the choice hides this one: what is offered then stays.
    if (ended.signal.aborted || !isOld || document.visibilityState === 'hidden') return
    isOld = false
    timer = setTimeout(() => {
      isOld = true
      offer()
    }, renewal)
    ceremony = new AbortController()
    const send = await choosePasskey('conditional', ceremony).catch(() => undefined)
    if (send && !ended.signal.aborted) take(send)
  }
  const begin = async () => {
    if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return
    document.addEventListener('visibilitychange', offer, ended)
    offer()
  }
  begin()
  return () => {
    ended.abort()
    clearTimeout(timer)
    ceremony?.abort()
  }
}
