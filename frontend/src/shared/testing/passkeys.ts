/**
 * The result of a ceremony: a passkey, none yet, none at all, or that the authenticator has one
 * already.
 */
export type Ceremony = 'given' | 'waits' | 'cancelled' | 'known'

const credential = {
  id: 'aGVsbG8',
  toJSON: () => ({ id: 'aGVsbG8', rawId: 'aGVsbG8', response: {}, type: 'public-key' }),
}

/** How often a browser was asked for a passkey, and how many ceremonies it is at. */
export interface Browser {
  asked: { mediation?: string; isOver: boolean }[]
  signalled: string[]
}

/**
 * Stands in for the passkeys of a browser; undefined for one without. In the address field, nothing
 * is ever chosen.
 */
export function standInForPasskeys(outcome: Ceremony | undefined): Browser {
  const browser: Browser = { asked: [], signalled: [] }
  const ask = ({ mediation, signal }: { mediation?: string; signal: AbortSignal }) => {
    const one: Browser['asked'][number] = { ...(mediation && { mediation }), isOver: false }
    browser.asked.push(one)
    return new Promise((resolve, reject) => {
      const end = (finish: () => void) => {
        one.isOver = true
        finish()
      }
      const fail = (name: string) => end(() => reject(new DOMException('', name)))
      signal.addEventListener('abort', () => fail('AbortError'))
      if (signal.aborted) fail('AbortError')
      else if (mediation || outcome === 'waits') return
      else if (outcome === 'given') end(() => resolve(credential))
      else fail(outcome === 'known' ? 'InvalidStateError' : 'NotAllowedError')
    })
  }
  const same = (options: object) => options
  const known = {
    parseRequestOptionsFromJSON: same,
    parseCreationOptionsFromJSON: same,
    isConditionalMediationAvailable: async () => await Promise.resolve(true),
    signalUnknownCredential: async ({ credentialId }: { credentialId: string }) => {
      await Promise.resolve(browser.signalled.push(credentialId))
    },
  }
  const value = outcome && known
  Object.defineProperty(window, 'PublicKeyCredential', {
    value,
    configurable: true,
    writable: true,
  })
  Object.defineProperty(navigator, 'credentials', {
    value: { get: ask, create: ask },
    configurable: true,
  })
  return browser
}
