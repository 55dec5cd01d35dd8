// npm run lighthouse: runs Lighthouse on the first page of bin/sana, with its simulated slow phone.
// Its packages are in tools/lighthouse, so that npm install does not install them. npm test does
// not run it, because timings depend on the machine. The full report is
// .data/lighthouse.report.html.
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from './lib/builds.mjs'
import { provideChromium } from './lib/chromium.mjs'
import { dataDir, root } from './lib/paths.mjs'
import { prepare } from './lib/prepare.mjs'
import { Problem, runMain } from './lib/problem.mjs'
import { mustRun, run } from './lib/processes.mjs'
import { withTestServer } from './lib/server.mjs'

const home = join(root, 'tools/lighthouse')
const command = join(home, 'node_modules/lighthouse/cli/index.js')
const report = join(dataDir, 'lighthouse')
/**
 * The best run counts: other work on the machine can only make the figures worse.
 */
const runs = 3

/**
 * @typedef {{
 *   categories: Record<string, { title: string, score: number }>
 *   audits: Record<string, Audit>
 * }} Report
 * @typedef {{
 *   id: string
 *   title: string
 *   score: number | null
 *   numericValue: number
 *   displayValue?: string
 * }} Audit
 */

async function main() {
  await prepare()
  await build()
  if (!existsSync(command))
    await mustRun('npm ci', 'npm', ['ci', '--no-audit', '--no-fund'], { cwd: home })
  return await withTestServer(async (url) => {
    const reports = []
    for (let count = 0; count < runs; count++) reports.push(...(await look(url)))
    if (reports.length === 0)
      throw new Problem('Lighthouse could not load the page; retry when the machine is less busy.')
    return judge(
      reports.reduce((best, report) => (paintOf(report) < paintOf(best) ? report : best)),
    )
  })
}

/**
 * @param {string} url
 * @returns {Promise<Report[]>} one report, or none if Chromium was too slow
 */
async function look(url) {
  mkdirSync(dataDir, { recursive: true })
  const formats = ['--output=json', '--output=html', `--output-path=${report}`]
  const args = [
    command,
    url,
    ...formats,
    '--quiet',
    '--chrome-flags=--headless=new --no-sandbox --disable-gpu',
  ]
  const env = { ...process.env, CHROME_PATH: await provideChromium() }
  const { ok, output } = await run(process.execPath, args, { env })
  if (!ok) console.log(output.trim())
  return ok ? [JSON.parse(readFileSync(`${report}.report.json`, 'utf8'))] : []
}

/** @param {Report} report */
function paintOf({ audits }) {
  return audits['first-contentful-paint']?.numericValue ?? Number.POSITIVE_INFINITY
}

/**
 * @param {Report} report
 * @returns {number} the exit code
 */
function judge({ categories, audits }) {
  const paint = paintOf({ categories, audits })
  const shift = audits['cumulative-layout-shift']?.numericValue ?? Number.POSITIVE_INFINITY
  /** @type {[name: string, figure: string | number, isGood: boolean][]} */
  const figures = [
    ...Object.values(categories).map(
      ({ title, score }) =>
        /** @type {[string, number, boolean]} */ ([title, Math.round(score * 100), score === 1]),
    ),
    ['First contentful paint', `${(paint / 1000).toFixed(2)} s`, paint <= 1000],
    ['Cumulative layout shift', shift, shift === 0],
  ]
  for (const [what, figure, isGood] of figures)
    console.log(`${isGood ? 'ok  ' : 'POOR'}  ${what}: ${figure}`)
  for (const { title, score, displayValue = '' } of Object.values(audits)) {
    if (score !== null && score < 0.9) console.log(`      ${title} ${displayValue}`)
  }
  return figures.every(([, , isGood]) => isGood) ? 0 : 1
}

await runMain(main)
