// A virtual authenticator of Chromium, controlled over the DevTools protocol. It answers prompts at
// once, without a user.
import type { CDPSession, Page } from '@playwright/test'

/** Like that of a phone or a laptop: with a screen lock and discoverable passkeys. */
const defaults = {
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

  static async attach(page: Page, options: object = {}): Promise<Authenticator> {
    const devtools = await page.context().newCDPSession(page)
    await devtools.send('WebAuthn.enable')
    return new Authenticator(
      devtools,
      await addAuthenticator(devtools, { ...defaults, ...options }),
    )
  }

  /** Adds a second authenticator to the same browser, like a security key. */
  async addAnother(options: object = {}): Promise<Authenticator> {
    return new Authenticator(
      this.devtools,
      await addAuthenticator(this.devtools, { ...defaults, ...options }),
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

  /** Sets whether the user passes the screen lock. */
  async setVerified(isUserVerified: boolean): Promise<void> {
    await this.devtools.send('WebAuthn.setUserVerified', {
      authenticatorId: this.id,
      isUserVerified,
    })
  }

  /** Sets whether the user touches it when a passkey is requested. */
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

/** Disables autofill of passkeys, so that only the button offers them. */
export async function withoutAutofill(page: Page): Promise<void> {
  await page.addInitScript(() => {
    if (!('PublicKeyCredential' in window)) return // an app's page may have none
    PublicKeyCredential.isConditionalMediationAvailable = async () => await Promise.resolve(false)
  })
}

async function addAuthenticator(devtools: CDPSession, options: typeof defaults): Promise<string> {
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', { options })
  return authenticatorId
}
