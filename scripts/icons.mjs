// npm run icons: renders images from frontend/public/favicon.svg: favicon.ico for browsers without
// SVG icons, the icon of a phone's home screen, and the preview image of links. It writes them to
// .data/icons for review, or with -- --write to frontend/public, which the pages use.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { provideChromium } from './lib/chromium.mjs'
import { dataDir, root } from './lib/paths.mjs'
import { prepare } from './lib/prepare.mjs'
import { runMain } from './lib/problem.mjs'

const published = join(root, 'frontend/public')

/** @param {string[]} args */
async function main(args) {
  const folder = args.includes('--write') ? published : join(dataDir, 'icons')
  await prepare()
  const icon = readFileSync(join(published, 'favicon.svg'), 'utf8')
  mkdirSync(folder, { recursive: true })
  // Phones round the corners.
  const square = icon.replace(' rx="8"', '')
  const mark = icon.replace(/<rect .*\/>/, '')
  const { chromium } = await import('@playwright/test')
  const browser = await chromium.launch({
    executablePath: await provideChromium(),
    args: ['--no-sandbox'],
  })
  try {
    const page = await browser.newPage()
    /**
     * @param {number} width
     * @param {number} height
     * @param {string} html
     */
    const draw = async (width, height, html) => {
      await page.setViewportSize({ width, height })
      await page.setContent(
        `<style>body { margin: 0 } svg { display: block; width: 100% }</style>${html}`,
      )
      return await page.screenshot({ omitBackground: true })
    }
    writeFileSync(join(folder, 'favicon.ico'), inIcoFile(await draw(32, 32, icon)))
    writeFileSync(join(folder, 'apple-touch-icon.png'), await draw(180, 180, square))
    writeFileSync(join(folder, 'social-card.png'), await draw(1200, 630, cardOf(mark)))
  } finally {
    await browser.close()
  }
  console.log(`The icons are in ${folder}.`)
  return 0
}

/** @param {string} mark */
function cardOf(mark) {
  return `<style>
  main { display: grid; place-content: center; justify-items: center }
  main { height: 630px; background: #1d5a4c }
  div { width: 560px; margin: -60px 0 -90px }
  p { margin: 0; font: 600 84px/1 'Inter', 'Helvetica Neue', 'DejaVu Sans', sans-serif }
  p { letter-spacing: -0.02em; color: #f6f4ee }
</style>
<main><div>${mark}</div><p>Sana</p></main>`
}

/**
 * One PNG of 32 x 32 pixels in the frame of an .ico file.
 * @param {Buffer} png
 */
function inIcoFile(png) {
  const header = Buffer.alloc(22)
  header.writeUInt16LE(1, 2) // an icon
  header.writeUInt16LE(1, 4) // one picture
  header.set([32, 32], 6)
  header.writeUInt16LE(1, 10) // plane
  header.writeUInt16LE(32, 12) // bits of a pixel
  header.writeUInt32LE(png.length, 14)
  header.writeUInt32LE(header.length, 18)
  return Buffer.concat([header, png])
}

await runMain(main)
