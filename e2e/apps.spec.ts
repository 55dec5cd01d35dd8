// Users on the way to an app behind a reverse proxy, in a real browser.
import { expect } from '@playwright/test'
import { AppProxy } from './support/app-proxy'
import { Authenticator } from './support/authenticator'
import { readCode } from './support/mail'
import { Server } from './support/server'
import { test } from './support/test'
import { address, button, codeField, heading } from './support/walk'

interface AppFixtures {
  front: AppProxy
}

const appTest = test.extend<AppFixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads what a test needs
  front: async ({}, use) => {
    const front = await AppProxy.start()
    await use(front)
    await front.close()
  },

  sana: async ({ database, folder, front }, use) => {
    const apps = `
apps:
  wiki: {name: Wiki, hosts: ["${front.appHost}"], allow: [${address}]}
`
    const server = await Server.start({
      databaseUrl: database.url,
      folder,
      publicUrl: front.sanaUrl,
      hops: 1,
      apps,
    })
    front.serve(server)
    await use(server)
    await server.kill()
  },
})

appTest(
  'a code, and then a passkey, lead to the page of the app that was asked for',
  async ({ page, front, sana }) => {
    await page.addInitScript(() => {
      if (!('PublicKeyCredential' in window)) return
      PublicKeyCredential.isConditionalMediationAvailable = async () => await Promise.resolve(false)
    })
    const asked = `http://${front.appHost}/notes?of=today`
    const authenticator = await Authenticator.of(page)

    await page.goto(asked)
    await expect(page.getByText('Wiki').first()).toBeVisible()
    await page.getByLabel('Email address').fill(address)
    await button(page, 'Email me a code').click()
    const { code } = await readCode(sana.url, address)
    await codeField(page).fill(code)
    await expect(heading(page, `Wiki of ${address}`)).toBeVisible()
    expect(page.url()).toBe(asked)

    await page.goto('/account')
    await button(page, 'Add a passkey').click()
    await expect(page.getByRole('button', { name: /^Remove: / })).toBeVisible()
    expect(await authenticator.passkeys()).toHaveLength(1)
    await button(page, 'Sign out').click()
    await expect(heading(page, 'Sign in')).toBeVisible()

    await page.goto(asked)
    await button(page, 'Sign in with a passkey').click()
    await expect(heading(page, `Wiki of ${address}`)).toBeVisible()
    expect(page.url()).toBe(asked)
  },
)
