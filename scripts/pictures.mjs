// npm run pictures: screenshots of every page in every state, in both themes, on a phone and on a
// desktop, in .data/pictures: one file for each, and a sheet for each setting. An argument selects
// states by name: npm run pictures -- code/wrong
// --language=de renders the pages in German; --readme makes the image of the README.
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { provideChromium } from './lib/chromium.mjs'
import { dataDir, root } from './lib/paths.mjs'
import { prepare } from './lib/prepare.mjs'
import { Problem, runMain } from './lib/problem.mjs'
import { buildWorkbench, serveWorkbench } from './lib/workbench.mjs'

/** @typedef {import('@playwright/test').Browser} Browser */

const folder = join(dataDir, 'pictures')
const sizes = { phone: { width: 360, height: 740 }, desktop: { width: 1280, height: 800 } }
const themes = /** @type {const} */ (['light', 'dark'])
/** The states in the picture of the README. */
const readme = ['sign-in/with-passkeys', 'code/mail-delivered']
/** Widths on a sheet, which should fit on a screen. */
const thumbnail = { phone: 240, desktop: 480 }

/** @param {string[]} args */
async function main(args) {
  const { values, positionals } = parseArgs({
    args,
    options: { language: { type: 'string', default: 'en' }, readme: { type: 'boolean' } },
    allowPositionals: true,
  })
  const wanted = positionals[0] ?? ''
  await prepare()
  const executablePath = await provideChromium()
  const all = await buildWorkbench()
  const states = values.readme ? readme : all.filter((id) => id.includes(wanted))
  if (states.length === 0) throw new Problem(`No state has "${wanted}" in its name.`)
  rmSync(folder, { recursive: true, force: true })
  const { url, close } = await serveWorkbench()
  const { chromium } = await import('@playwright/test')
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] })
  try {
    await Promise.all(
      Object.keys(sizes).map((size) =>
        takeAll(browser, url, /** @type {any} */ (size), values.language, states),
      ),
    )
    if (values.readme) await takeReadme(browser)
  } finally {
    await browser.close()
    close()
  }
  const sheets = sheetNames().join(', ')
  console.log(`${states.length * 4} pictures in .data/pictures; look at the sheets: ${sheets}`)
  return 0
}

/**
 * @param {Browser} browser
 * @param {string} url
 * @param {keyof typeof sizes} size
 * @param {string} language
 * @param {string[]} states
 */
async function takeAll(browser, url, size, language, states) {
  const page = await browser.newPage({
    baseURL: url,
    viewport: sizes[size],
    reducedMotion: 'reduce',
  })
  for (const id of states) {
    await page.goto(`/?${new URLSearchParams({ state: id, language })}`)
    await page.locator('html[data-state=reached]').waitFor()
    for (const colorScheme of themes) {
      await page.emulateMedia({ colorScheme })
      await page.screenshot({
        path: join(folder, pictureOf(id, size, colorScheme)),
        fullPage: true,
      })
    }
  }
  for (const theme of themes) {
    const sheet = join(folder, `${size}-${theme}.html`)
    writeFileSync(sheet, sheetOf(states, size, theme))
    await page.setViewportSize({ width: 1536, height: 800 })
    await page.goto(`file://${sheet}`)
    await page.screenshot({ path: sheet.replace(/html$/, 'png'), fullPage: true })
  }
}

/**
 * @param {string[]} states
 * @param {keyof typeof sizes} size
 * @param {string} theme
 */
function sheetOf(states, size, theme) {
  const figures = states.map((id) => {
    const picture = `<img src="${pictureOf(id, size, theme)}" width="${thumbnail[size]}" alt="">`
    return `<figure><figcaption>${id}</figcaption>${picture}</figure>`
  })
  return `<!doctype html><meta charset="utf-8"><title>${size}, ${theme}</title>
<style>
  body { display: flex; flex-wrap: wrap; gap: 12px; margin: 12px }
  body { font: 13px system-ui; background: #888 }
  figure { width: min-content; margin: 0 }
  figcaption { padding-bottom: 2px; overflow: hidden; text-overflow: ellipsis }
</style>
${figures.join('\n')}`
}

/**
 * @param {string} id
 * @param {string} size
 * @param {string} theme
 */
function pictureOf(id, size, theme) {
  return `${size}-${theme}/${id.replace('/', '-')}.png`
}

/** @param {Browser} browser */
async function takeReadme(browser) {
  const pictures = themes.flatMap((theme) => readme.map((id) => pictureOf(id, 'phone', theme)))
  const sheet = join(folder, 'readme.html')
  writeFileSync(
    sheet,
    `<!doctype html><meta charset="utf-8"><title>README</title>
<style>body { display: flex; gap: 12px; margin: 0; padding: 12px; background: #888 }</style>
${pictures.map((src) => `<img src="${src}" width="${sizes.phone.width}" alt="">`).join('\n')}`,
  )
  const page = await browser.newPage({ viewport: { width: 1500, height: 560 } })
  await page.goto(`file://${sheet}`)
  await page.screenshot({ path: join(root, 'docs/pages.png') })
}

function sheetNames() {
  return Object.keys(sizes).flatMap((size) => themes.map((theme) => `${size}-${theme}.html`))
}

await runMain(main)
