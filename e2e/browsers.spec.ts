// Browsers without a feature, or whose extensions reject the values of other APIs. Each condition
// is simulated in Chromium.
import { expect } from '@playwright/test'
import { test } from './support/test'
import { address, button, heading, signIn } from './support/walk'

test('a browser that blocks storage and channels between tabs signs in and out', async ({
  page,
  sana,
}) => {
  await page.addInitScript(() => {
    const throwSecurityError = () => {
      throw new DOMException('The operation is insecure.', 'SecurityError')
    }
    Object.defineProperty(window, 'BroadcastChannel', { value: throwSecurityError })
    for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches']) {
      Object.defineProperty(window, name, { configurable: true, get: throwSecurityError })
    }
  })
  await signIn(page, sana.url)
  await button(page, 'Sign out').click()
  await expect(heading(page, 'Sign in')).toBeVisible()
  // The fixture's page reads the storage at the end.
  await page.goto('about:blank')
})

for (const { languages, title } of [
  { languages: ['en-US@posix'], title: 'Check your email' },
  { languages: ['de_DE.UTF-8@euro', 'en'], title: 'Prüfen Sie Ihr Postfach' },
  { languages: [], title: 'Check your email' },
]) {
  test(`the code page works with the browser languages ${JSON.stringify(languages)}`, async ({
    page,
  }) => {
    await page.addInitScript((languages) => {
      Object.defineProperty(navigator, 'languages', { get: () => languages })
      Object.defineProperty(navigator, 'language', { get: () => languages[0] ?? '' })
    }, languages)
    await page.goto('/')
    await page.getByRole('textbox').fill(address)
    await page.getByRole('button').first().click()
    await expect(heading(page, title)).toBeVisible()
    await expect(page.getByRole('textbox')).toBeFocused()
  })
}

for (const [name, removeFeature] of Object.entries({
  'AbortSignal.any': () => Reflect.deleteProperty(AbortSignal, 'any'),
  'AbortSignal.timeout': () => Reflect.deleteProperty(AbortSignal, 'timeout'),
  'URL.canParse': () => Reflect.deleteProperty(URL, 'canParse'),
})) {
  test(`a browser without ${name} is reported as too old, not as a network error`, async ({
    page,
  }) => {
    await page.addInitScript(removeFeature)
    await page.goto('/')
    await expect(page.getByRole('alert')).toHaveText(/^This browser is too old for Sana\./)
    await expect(page.getByText('can’t reach')).toHaveCount(0)
    await expect(page.getByRole('textbox')).toHaveCount(0)
  })
}

test('an outdated browser gets a message in its own language', async ({ browser, address }) => {
  const page = await browser.newPage({ locale: 'ja-JP', baseURL: address })
  await page.addInitScript(() => Reflect.deleteProperty(AbortSignal, 'any'))
  await page.goto('/')
  await expect(page.getByRole('alert')).toContainText('このブラウザーは古い')
  await page.close()
})

test('an error before the first render shows a message and a link to try again', async ({
  browser,
  address,
}) => {
  const page = await browser.newPage({ baseURL: address })
  await page.addInitScript(() => {
    Object.defineProperty(navigator, 'languages', { get: () => 5 })
  })
  await page.goto('/')
  await expect(page.getByRole('alert')).toContainText('Something went wrong on our side.')
  await expect(page.getByRole('link', { name: 'Try again' })).toBeVisible()
  await page.close()
})
