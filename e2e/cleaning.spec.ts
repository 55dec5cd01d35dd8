// What our answers tell a browser to throw away: no other test sees whether one obeys.
import { expect, type Page } from '@playwright/test'
import { keptInBrowser, test } from './support/test'
import { button, expectSignedIn, heading, signIn } from './support/walk'

const sharedDomain = 'sana.localhost'

/** Cookies that are more than the 16 kB of headers that the server takes. */
async function tossCookies(page: Page, domain: string): Promise<void> {
  await page.goto('about:blank') // so that no request of a page is the first to meet them
  const value = 'x'.repeat(3800)
  await page
    .context()
    .addCookies(Array.from({ length: 6 }, (_, n) => ({ name: `tossed${n}`, value, domain, path: '/' })))
}

test('a browser that is over-full with cookies is told so, and has none of them after that (A-19)', async ({
  page,
  context,
  sana,
}) => {
  await signIn(page, sana.url)
  await tossCookies(page, '127.0.0.1')
  expect(await context.cookies(), 'ours are two').toHaveLength(8)

  expect((await page.goto('/'))?.status()).toBe(431)
  await expect(heading(page, 'Your browser sent too much')).toBeVisible()
  await expect(page.getByText('It came with more cookies than this site can take')).toBeVisible()
  expect(await context.cookies()).toEqual([])

  await page.getByRole('link', { name: 'Open the site again' }).click()
  await expect(heading(page, 'Sign in')).toBeVisible()
  expect((await page.reload())?.status()).toBe(200)
  await signIn(page, sana.url, 'grace@example.org')
})

test.describe('beside a neighbour', () => {
  test.use({ host: `app.${sharedDomain}` })

  test('the cookies that it has set for the domain of both go too (A-19)', async ({ page, context }) => {
    await tossCookies(page, `.${sharedDomain}`)
    expect((await page.goto('/'))?.status()).toBe(431)
    expect(await context.cookies()).toEqual([])
    expect((await page.reload())?.status()).toBe(200)
  })
})

test('whatever a page of ours has stored and cached is gone after a sign-out', async ({ page, sana }) => {
  await signIn(page, sana.url)
  await page.evaluate(async () => {
    localStorage.setItem('left', 'local')
    sessionStorage.setItem('left', 'session')
    const cache = await caches.open('left')
    await cache.put('/left', new Response('cached'))
    await new Promise((done) => {
      indexedDB.open('left').onsuccess = (event) => {
        ;(event.target as IDBOpenDBRequest).result.close()
        done(undefined)
      }
    })
  })
  await page.reload()
  await expectSignedIn(page)
  expect(await keptInBrowser(page), 'what outlives a reload').toEqual(['left', 'left', 'left', 'left'])
  expect(await isScriptCached(page)).toBe(true)

  await button(page, 'Sign out').click()
  await expect(page.getByText('You are signed out.')).toBeVisible()
  expect(await keptInBrowser(page)).toEqual([])
  expect(await isScriptCached(page)).toBe(false)
})

/** Whether the page's own script, which may be cached for a year, would not be asked of the server. */
function isScriptCached(page: Page): Promise<boolean> {
  return page.evaluate(() => {
    const script = document.querySelector<HTMLScriptElement>('script[src]')?.src ?? ''
    return fetch(script, { cache: 'only-if-cached', mode: 'same-origin' }).then(
      ({ ok }) => ok,
      () => false,
    )
  })
}
