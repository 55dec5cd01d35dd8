/**
 * The result of a ceremony: a passkey, none yet, a cancellation, or an authenticator that already
 * has a passkey.
 */
export type Ceremony = 'succeeds' | 'pending' | 'cancelled' | 'registered'

const credential = {
  id: 'aGVsbG8',
  toJSON: () => ({ id: 'aGVsbG8', rawId: 'aGVsbG8', response: {}, type: 'public-key' }),
}

/** The ceremonies that the page started, and the passkeys that it signalled as unknown. */
export interface Browser {
  ceremonies: { mediation?: string; isFinished: boolean }[]
  signalled: string[]
}

/**
 * Replaces the passkeys of the browser; undefined simulates a browser without them. A ceremony of
 * the address field never completes.
 */
export function simulatePasskeys(outcome: Ceremony | undefined): Browser {
  const browser: Browser = { ceremonies: [], signalled: [] }
  const start = ({ mediation, signal }: { mediation?: string; signal: AbortSignal }) => {
    const ceremony: Browser['ceremonies'][number] = {
      ...(mediation && { mediation }),
      isFinished: false,
    }
    browser.ceremonies.push(ceremony)
    return new Promise((resolve, reject) => {
      const end = (finish: () => void) => {
        ceremony.isFinished = true
        finish()
      }
      const fail = (name: string) => end(() => reject(new DOMException('', name)))
      signal.addEventListener('abort', () => fail('AbortError'))
      if (signal.aborted) fail('AbortError')
      else if (mediation || outcome === 'pending') return
      else if (outcome === 'succeeds') end(() => resolve(credential))
      else fail(outcome === 'registered' ? 'InvalidStateError' : 'NotAllowedError')
    })
  }
  const identity = (options: object) => options
  const supported = {
    parseRequestOptionsFromJSON: identity,
    parseCreationOptionsFromJSON: identity,
    isConditionalMediationAvailable: async () => await Promise.resolve(true),
    signalUnknownCredential: async ({ credentialId }: { credentialId: string }) => {
      await Promise.resolve(browser.signalled.push(credentialId))
    },
  }
  const value = outcome && supported
  Object.defineProperty(window, 'PublicKeyCredential', {
    value,
    configurable: true,
    writable: true,
  })
  Object.defineProperty(navigator, 'credentials', {
    value: { get: start, create: start },
    configurable: true,
  })
  return browser
}
