// Only a real browser shows whether the response headers delete its data.
import { expect, type Page } from '@playwright/test'
import { test } from './support/test'
import { heading, signIn } from './support/walk'

const sharedDomain = 'sana.localhost'

/** Sets cookies that exceed the 16 kB of headers that the server accepts. */
async function setOversizedCookies(page: Page, domain: string): Promise<void> {
  await page.goto('about:blank') // so that no request of a page sends them first
  const value = 'x'.repeat(3800)
  await page
    .context()
    .addCookies(
      Array.from({ length: 6 }, (_, n) => ({ name: `large${n}`, value, domain, path: '/' })),
    )
}

test('a browser with too many cookies gets a page that deletes them (A-19)', async ({
  page,
  context,
  sana,
}) => {
  await signIn(page, sana.url)
  await setOversizedCookies(page, '127.0.0.1')
  expect(await context.cookies(), 'Sana sets three').toHaveLength(9)

  expect((await page.goto('/'))?.status()).toBe(431)
  await expect(heading(page, 'Your browser sent too much')).toBeVisible()
  await expect(page.getByText('It came with more cookies than this site can take')).toBeVisible()
  expect(await context.cookies()).toEqual([])

  await page.getByRole('link', { name: 'Open the site again' }).click()
  await expect(heading(page, 'Sign in')).toBeVisible()
  expect((await page.reload())?.status()).toBe(200)
  await signIn(page, sana.url, 'grace@example.org')
})

test.describe('with a site on a sibling domain', () => {
  test.use({ host: `app.${sharedDomain}` })

  test('its cookies for the parent domain are deleted too (A-19)', async ({ page, context }) => {
    await setOversizedCookies(page, `.${sharedDomain}`)
    expect((await page.goto('/'))?.status()).toBe(431)
    expect(await context.cookies()).toEqual([])
    expect((await page.reload())?.status()).toBe(200)
  })
})
