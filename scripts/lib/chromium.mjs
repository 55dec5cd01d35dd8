// A Chromium for the tests in a browser: an installed or a downloaded one.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { tools } from './paths.mjs'
import { Problem } from './problem.mjs'
import { run } from './processes.mjs'
import { installMissing } from './system-packages.mjs'

/** Chromium without windows needs less than half of the processor time for each page. */
const shell = 'chromium-headless-shell'
const names = [
  shell,
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
]

/**
 * @param {string[]} names
 * @returns {string | undefined} the path of the first of these that runs
 */
function findInstalled(names) {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const paths = names.flatMap((name) =>
    name.startsWith('/') ? [name] : folders.map((folder) => join(folder, name)),
  )
  // The file alone is not enough: Ubuntu's chromium-browser is a script that needs a snap.
  return paths.find((path) => existsSync(path) && spawnSync(path, ['--version']).status === 0)
}

/**
 * @returns {Promise<string | undefined>} the path of the Chromium that Playwright has downloaded
 */
async function findDownloaded() {
  const { chromium } = await import('@playwright/test')
  const path = chromium.executablePath()
  return spawnSync(path, ['--version']).status === 0 ? path : undefined
}

/** @returns {string[]} the missing packages of the system */
export function missingChromium() {
  return findInstalled([shell]) ? [] : [shell]
}

/** @returns {Promise<string>} a Chromium that runs, installed if there was none */
export async function provideChromium() {
  const reason = await installMissing(missingChromium())
  const found = findInstalled(names) ?? (await findDownloaded())
  if (found) return found
  if (reason) console.log(`  apt-get installed no Chromium: ${reason}`)
  const { output } = await run(process.execPath, [tools.playwright, 'install', 'chromium'])
  const downloaded = await findDownloaded()
  if (downloaded) return downloaded
  throw new Problem(`${output.trimEnd()}\n\nChromium is missing and was not installed.`)
}
