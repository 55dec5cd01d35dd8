// Browsers that lack something, or hand over what the APIs of others reject. Each condition is simulated in Chromium.
import { expect } from '@playwright/test'
import { test } from './support/test'
import { address, button, heading, signIn } from './support/walk'

test('a browser that blocks storage and channels between tabs signs in and out', async ({ page, sana }) => {
  await page.addInitScript(() => {
    const refuse = () => {
      throw new DOMException('The operation is insecure.', 'SecurityError')
    }
    Object.defineProperty(window, 'BroadcastChannel', { value: refuse })
    for (const name of ['localStorage', 'sessionStorage', 'indexedDB', 'caches']) {
      Object.defineProperty(window, name, { configurable: true, get: refuse })
    }
  })
  await signIn(page, sana.url)
  await button(page, 'Sign out').click()
  await expect(heading(page, 'Sign in')).toBeVisible()
  // The page of the fixture looks into the storage at the end.
  await page.goto('about:blank')
})

for (const { languages, title } of [
  { languages: ['en-US@posix'], title: 'Enter your code' },
  { languages: ['de_DE.UTF-8@euro', 'en'], title: 'Code eingeben' },
  { languages: [], title: 'Enter your code' },
]) {
  test(`the code page comes with its field in a browser with the languages ${JSON.stringify(languages)}`, async ({
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
