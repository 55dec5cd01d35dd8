// A Chromium for the tests in a browser: the machine's own, or one that can be had here.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { tools } from './paths.mjs'
import { Problem } from './problem.mjs'
import { run } from './processes.mjs'
import { canInstallPackages, installPackages } from './system-packages.mjs'

/** The same browser without its windows: less than half of the processor's time for each page. */
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
  // Being there is not enough: Ubuntu's chromium-browser is a script that asks for a snap.
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

/** @returns {string[]} the packages of the system that are to be had for it */
export function missingChromium() {
  return findInstalled([shell]) ? [] : [shell]
}

/** @returns {Promise<string>} a Chromium that runs, installed if there was none */
export async function provideChromium() {
  const missing = missingChromium()
  const reason = missing.length > 0 && canInstallPackages() ? await installPackages(...missing) : ''
  const found = findInstalled(names) ?? (await findDownloaded())
  if (found) return found
  if (reason) console.log(`  apt-get gave no Chromium: ${reason}`)
  const { output } = await run(process.execPath, [tools.playwright, 'install', 'chromium'])
  const downloaded = await findDownloaded()
  if (downloaded) return downloaded
  throw new Problem(
    `${output.trimEnd()}\n\nThere is no Chromium, and none could be installed: install one by hand.`,
  )
}
