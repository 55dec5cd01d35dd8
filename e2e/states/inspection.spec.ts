// The inspection of the states detects the faults that it should detect.
import { expect } from '@playwright/test'
import { allFaults, arrivalFaults, open, phone, test } from './workbench'

/** Styles that break a page, and the expected fault. */
const breaks: Record<string, [css: string, fault: RegExp]> = {
  'text on text': [
    'li p + p { margin-block-start: -1.5rem }',
    /p "Email address" lies on span "grace@example.org"/,
  ],
  'a button on text': ['#root button { translate: 0 3rem }', /button "Sign out" lies on/],
  'a page that scrolls sideways': [
    'li { width: 400px }',
    /the page scrolls sideways: \d+ px in 360 px/,
  ],
  'text that leaves the page': [
    'li p + p { translate: -8rem }',
    /span "grace@example.org" leaves the page/,
  ],
  'text that is cut off': [
    'li p { width: 4rem; overflow: hidden; white-space: nowrap }',
    /"Email address" is cut off/,
  ],
  'text that sticks out': [
    'li p + p { width: 3rem; overflow-wrap: normal }',
    /what is in p "grace@example.org" is wider than it/,
  ],
  'a small button': [
    '#root button { min-height: 0; padding: 0 }',
    /button "Sign out" is small: \d+ x \d\d px/,
  ],
  'a narrow button': [
    '#root button { width: 40px; overflow: hidden }',
    /button "Sign out" is small: 40 x/,
  ],
  'pale text': [
    'li p + p { color: #8a8a8a }',
    /the text of span "grace@example.org" has a contrast of 3\.\d+/,
  ],
  'a pale border': [
    '#root button { border-color: #bbb }',
    /the border of button "Sign out" has a contrast of 1\.\d+/,
  ],
}

for (const [name, [css, fault]] of Object.entries(breaks)) {
  test(`the inspection finds ${name}`, async ({ workbench: page }) => {
    await open(page, 'home/signed-in', phone, 'light')
    await page.evaluate((css) => {
      const sheet = new CSSStyleSheet()
      sheet.replaceSync(css)
      document.adoptedStyleSheets = [sheet]
    }, css)
    expect((await allFaults(page)).join('\n')).toMatch(fault)
  })
}

test('the inspection finds the faults of axe', async ({ workbench: page }) => {
  await open(page, 'home/signed-in', phone, 'light')
  await page.evaluate(() => document.documentElement.removeAttribute('lang'))
  expect((await allFaults(page)).join('\n')).toContain('html-has-lang')
})

test('the inspection finds layout shifts and violations of the policy', async ({
  workbench: page,
}) => {
  await open(page, 'home/signed-in', phone, 'light')
  expect(await arrivalFaults(page)).toEqual([])
  await page.evaluate(() => {
    document
      .querySelector('main')
      ?.prepend(Object.assign(document.createElement('p'), { textContent: 'News' }))
    document.body.append(
      Object.assign(document.createElement('img'), { src: 'https://elsewhere.example/' }),
    )
  })
  await expect
    .poll(() => arrivalFaults(page))
    .toContainEqual(expect.stringMatching(/^the page moves by 0\.\d+/))
  await expect
    .poll(() => arrivalFaults(page))
    .toContainEqual(expect.stringMatching(/^img-src: https:\/\/elsewhere/))
})

test('a state has its own storage, and leaves the developer’s unchanged', async ({ workbench }) => {
  const state = 'sign-in/of-the-last-visit'
  await open(workbench, state, phone, 'light')
  const real = (value?: string) =>
    workbench.evaluate((value) => {
      const frame = document.body.appendChild(document.createElement('iframe'))
      const storage = frame.contentWindow?.localStorage
      if (value) storage?.setItem('email', value)
      const entries = { ...storage }
      frame.remove()
      return entries
    }, value)
  expect(await real()).toEqual({})
  const own = { email: 'developer@example.org' }
  expect(await real(own.email)).toEqual(own)

  await open(workbench, state, phone, 'light')
  const field = workbench.getByRole('textbox').first()
  await expect(field).toHaveValue('ada@example.org')
  expect(await real()).toEqual(own)
})
