// Checks lists that are duplicated in two places. Each fault names the file to change.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './paths.mjs'

const features = 'frontend/src/features'
const app = 'frontend/src/app'

/** @returns {string[]} the faults, empty if there are none */
export function examineLists() {
  return [...pageFaults(), ...featureFaults(), ...languageFaults()]
}

/** A page that signed-in users see has its path in pages.json, and its component in the app. */
function pageFaults() {
  const list = 'backend/web/pages.json'
  const shown = `${app}/signedInPages.tsx`
  const known = JSON.parse(readFileSync(join(root, list), 'utf8')).signedIn
  const paths = named(shown, /const signedInPages[^=]*= \[(.*?)\n\]/s, /\bpath: '([^']*)'/g)
  return [
    ...without(known, paths).map((path) => `${list} has the page ${path}: add it to ${shown}, too`),
    ...without(paths, known).map(
      (path) => `${shown} has the page ${path}: add it to signedIn in ${list}, too`,
    ),
  ]
}

/** The app must show every page, and every page must have states. */
function featureFaults() {
  const sources = readdirSync(join(root, app)).filter((name) => /^\w+\.tsx$/.test(name))
  const code = sources.map((name) => readFileSync(join(root, app, name), 'utf8')).join('\n')
  return readdirSync(join(root, features)).flatMap((feature) => {
    const files = readdirSync(join(root, features, feature))
    const pages = files.filter((file) => /^[A-Z]\w*Page\.tsx$/.test(file))
    const faults = pages
      .map((file) => `features/${feature}/${file.replace('.tsx', '')}`)
      .filter((page) => !code.includes(`../${page}'`))
      .map((page) => `${page} is not used: add it to ${app}/signedInPages.tsx`)
    if (pages.length > 0 && !files.some((file) => file.endsWith('.states.ts')))
      faults.push(
        `${features}/${feature} has a page but no *.states.ts, which shows it at /dev/states`,
      )
    return faults
  })
}

/** Every language that has a file must be loaded. */
function languageFaults() {
  const folder = 'frontend/src/shared/i18n'
  const files = readdirSync(join(root, folder)).filter((name) => name.endsWith('.json'))
  const loaded = named(`${folder}/text.ts`, /const lazy[^=]*= \{(.*?)\n\}/s, /\b(\w+): \(\) =>/g)
  return without(
    files.map((name) => name.replace('.json', '')),
    loaded,
  ).map(
    (language) => `${folder}/text.ts does not load ${language}: add it to others and to lazy there`,
  )
}

/**
 * @param {string} file
 * @param {RegExp} list matches the list
 * @param {RegExp} entry
 * @returns {string[]}
 */
function named(file, list, entry) {
  const path = join(root, file)
  const found = existsSync(path) ? list.exec(readFileSync(path, 'utf8'))?.[1] : undefined
  if (found === undefined)
    throw new Error(`${file} has no list like ${list}; scripts/lib/lists.mjs reads it`)
  return [...found.matchAll(entry)].map(([, name]) => name ?? '')
}

/** @param {string[]} list @param {string[]} others */
function without(list, others) {
  return list.filter((one) => !others.includes(one))
}
