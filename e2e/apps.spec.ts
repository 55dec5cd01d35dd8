// Access to an app behind a reverse proxy, in a real browser.
import { expect } from '@playwright/test'
import { AppProxy } from './support/app-proxy'
import { Authenticator, withoutAutofill } from './support/authenticator'
import { readCode } from './support/mail'
import { Server } from './support/server'
import { test } from './support/test'
import { address, button, codeField, heading } from './support/walk'

interface AppFixtures {
  appProxy: AppProxy
}

const appTest = test.extend<AppFixtures>({
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of the fixtures
  appProxy: async ({}, use) => {
    const appProxy = await new AppProxy().listen()
    await use(appProxy)
    await appProxy.close()
  },

  sana: async ({ database, folder, appProxy }, use) => {
    const apps = `
apps:
  wiki: {name: Wiki, hosts: ["${appProxy.appHost}"], allow: [${address}]}
`
    const server = await Server.start({
      databaseUrl: database.url,
      folder,
      publicUrl: appProxy.sanaUrl,
      hops: 1,
      apps,
    })
    appProxy.serve(server)
    await use(server)
    await server.kill()
  },
})

appTest(
  'sign-ins by a code and by a passkey lead to the requested page of the app',
  async ({ page, appProxy, sana }) => {
    await withoutAutofill(page)
    const requested = `http://${appProxy.appHost}/notes?of=today`
    const authenticator = await Authenticator.attach(page)

    await page.goto(requested)
    await expect(page.getByText('Wiki').first()).toBeVisible()
    await page.getByLabel('Email address').fill(address)
    await button(page, 'Email me a code').click()
    const { code } = await readCode(sana.url, address)
    await codeField(page).fill(code)
    await expect(heading(page, `Wiki of ${address}`)).toBeVisible()
    expect(page.url()).toBe(requested)

    await page.goto('/account')
    await button(page, 'Add a passkey').click()
    await expect(page.getByRole('button', { name: /^Remove: / })).toBeVisible()
    expect(await authenticator.passkeys()).toHaveLength(1)
    await button(page, 'Sign out').click()
    await expect(heading(page, 'Sign in')).toBeVisible()

    await page.goto(requested)
    await button(page, 'Sign in with a passkey').click()
    await expect(heading(page, `Wiki of ${address}`)).toBeVisible()
    expect(page.url()).toBe(requested)
  },
)
