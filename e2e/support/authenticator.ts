// An authenticator of Chromium's, over its devtools: what it asks its user is answered at once.
import type { CDPSession, Page } from '@playwright/test'

/**
 * As a phone or a laptop has one: with a screen lock, and passkeys that are known by themselves.
 */
const usual = {
  protocol: 'ctap2',
  transport: 'internal',
  hasResidentKey: true,
  hasUserVerification: true,
  isUserVerified: true,
  automaticPresenceSimulation: true,
} as const

export class Authenticator {
  private constructor(
    private readonly devtools: CDPSession,
    private readonly id: string,
  ) {}

  static async of(page: Page, options: object = {}): Promise<Authenticator> {
    const devtools = await page.context().newCDPSession(page)
    await devtools.send('WebAuthn.enable')
    return new Authenticator(devtools, await addAuthenticator(devtools, { ...usual, ...options }))
  }

  /** Another one at the same browser, as a security key is. */
  async another(options: object = {}): Promise<Authenticator> {
    return new Authenticator(
      this.devtools,
      await addAuthenticator(this.devtools, { ...usual, ...options }),
    )
  }

  async passkeys() {
    const { credentials } = await this.devtools.send('WebAuthn.getCredentials', {
      authenticatorId: this.id,
    })
    return credentials
  }

  /** Adds a passkey of another site: a copy of the first one. */
  async addOfAnotherSite(): Promise<void> {
    const [passkey] = await this.passkeys()
    if (!passkey) throw new Error('there is no passkey to copy')
    const credentialId = Buffer.from('another site').toString('base64')
    const credential = { ...passkey, credentialId, rpId: 'elsewhere.example' }
    await this.devtools.send('WebAuthn.addCredential', { authenticatorId: this.id, credential })
  }

  /** Whether its user passes the screen lock. */
  async setVerified(isUserVerified: boolean): Promise<void> {
    await this.devtools.send('WebAuthn.setUserVerified', {
      authenticatorId: this.id,
      isUserVerified,
    })
  }

  /** Whether its user touches it when it is asked for a passkey. */
  async setPresent(enabled: boolean): Promise<void> {
    await this.devtools.send('WebAuthn.setAutomaticPresenceSimulation', {
      authenticatorId: this.id,
      enabled,
    })
  }

  async setBackup(backupEligibility: boolean, backupState: boolean): Promise<void> {
    const [passkey] = await this.passkeys()
    await this.devtools.send('WebAuthn.setCredentialProperties', {
      authenticatorId: this.id,
      credentialId: passkey?.credentialId ?? '',
      backupEligibility,
      backupState,
    })
  }
}

async function addAuthenticator(devtools: CDPSession, options: typeof usual): Promise<string> {
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', { options })
  return authenticatorId
}
