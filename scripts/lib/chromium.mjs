// A Chromium for the tests in a browser: the machine's own, or one that can be had here.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { tools } from './paths.mjs'
import { Problem } from './problem.mjs'
import { run } from './processes.mjs'
import { canInstallPackages, installPackages } from './system-packages.mjs'

const names = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
]

/** @returns {string | undefined} the path of a Chromium that runs */
function findInstalled() {
  const folders = (process.env.PATH ?? '').split(delimiter)
  const paths = names.flatMap((name) => (name.startsWith('/') ? [name] : folders.map((folder) => join(folder, name))))
  // Being there is not enough: Ubuntu's chromium-browser is a script that asks for a snap.
  return paths.find((path) => existsSync(path) && spawnSync(path, ['--version']).status === 0)
}

/** @returns {Promise<string | undefined>} the path of the Chromium that Playwright has downloaded */
async function findDownloaded() {
  const { chromium } = await import('@playwright/test')
  const path = chromium.executablePath()
  return spawnSync(path, ['--version']).status === 0 ? path : undefined
}

/** @returns {Promise<string>} a Chromium that runs, installed if there was none */
export async function provideChromium() {
  const found = findInstalled() ?? (await findDownloaded())
  if (found) return found
  if (canInstallPackages()) {
    const reason = await installPackages('chromium')
    const installed = findInstalled()
    if (installed) return installed
    console.log(`  apt-get gave no Chromium: ${reason}`)
  }
  const { output } = await run(process.execPath, [tools.playwright, 'install', 'chromium'])
  const downloaded = await findDownloaded()
  if (downloaded) return downloaded
  throw new Problem(`${output.trimEnd()}\n\nThere is no Chromium, and none could be installed: install one by hand.`)
}
