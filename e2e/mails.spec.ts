// Every mail in every language, from the golden files, on the narrowest screen and in both colour
// schemes.
import { readdirSync, readFileSync } from 'node:fs'
import { expect, type Page, test } from '@playwright/test'
import { axeFaults } from './support/axe'

const folder = new URL('../backend/mail/templates/testdata/', import.meta.url)
const languages = ['en', 'de', 'fr', 'es', 'ja']

/** The mails in a language: their names, without language and extension. */
function mailNames(language: string): string[] {
  const suffix = `.${language}.html`
  return readdirSync(folder)
    .filter((name) => name.endsWith(suffix))
    .map((name) => name.slice(0, -suffix.length))
}

test.use({ viewport: { width: 320, height: 800 } })

for (const language of languages) {
  test(`mails in ${language} fit into 320 px, in light and dark, and load nothing`, async ({
    page,
  }) => {
    expect(mailNames(language)).toContain('code')
    expect(mailNames(language)).toEqual(mailNames('en'))
    const requests: string[] = []
    page.on('request', (request) => requests.push(request.url()))
    for (const name of mailNames(language)) {
      await page.setContent(readFileSync(new URL(`${name}.${language}.html`, folder), 'utf8'))
      const backgrounds = new Set<string>()
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme })
        expect.soft(await clippedElements(page), `${name}, ${colorScheme}`).toEqual([])
        expect.soft(await axeFaults(page), `${name}, ${colorScheme}`).toEqual([])
        backgrounds.add(await page.evaluate(() => getComputedStyle(document.body).backgroundColor))
      }
      expect.soft(backgrounds.size, `${name}: colours for light and for dark`).toBe(2)
    }
    expect(requests).toEqual([])
  })
}

/**
 * Elements that make the page scroll sideways, extend beyond the window, or do not fit into their
 * box.
 */
function clippedElements(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const root = document.documentElement
    const outside = [...document.body.querySelectorAll('*:not(br)')].filter((element) => {
      const content = document.createRange()
      content.selectNodeContents(element)
      const sticksOut = [...content.getClientRects()].some(
        ({ left, right }) => left < 0 || right > root.clientWidth,
      )
      const isBox = getComputedStyle(element).display !== 'inline'
      const { scrollWidth, clientWidth, scrollHeight, clientHeight } = element
      return sticksOut || (isBox && (scrollWidth > clientWidth || scrollHeight > clientHeight))
    })
    const scrolls = root.scrollWidth > root.clientWidth ? ['the page scrolls sideways'] : []
    return [...scrolls, ...outside.map((element) => element.outerHTML.slice(0, 120))]
  })
}
