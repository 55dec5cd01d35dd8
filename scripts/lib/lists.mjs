// Checks lists that are duplicated in two places. Each fault names the file to change.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './paths.mjs'

const features = 'frontend/src/features'
const app = 'frontend/src/app'
const list = 'backend/web/pages.json'
/** Where pages that need a session are listed, and where the others. */
const signedInPages = `${app}/signedInPages.tsx`
const openPages = `${app}/pages.tsx`

/** @returns {string[]} the faults, empty if there are none */
export function examineLists() {
  return [...pageFaults(), ...featureFaults(), ...languageFaults()]
}

/** A page has its path in pages.json, where the server reads it, and its component in the app. */
function pageFaults() {
  const { signedIn, open } = JSON.parse(readFileSync(join(root, list), 'utf8'))
  const inside = named(
    signedInPages,
    /const signedInPages[^=]*= \[(.*?)\n\]/s,
    /\bpath: '([^']*)'/g,
  )
  const outside = named(openPages, /const openPages.*? = \{(.*?)\n\}/s, /^ *'([^']*)': /gm)
  return [
    ...differences(signedInPages, inside, 'signedIn', signedIn),
    // The code page is a state of the sign-in page.
    ...differences(openPages, [...outside, '/verify'], 'open', open),
  ]
}

/**
 * @param {string} file
 * @param {string[]} shown
 * @param {string} key
 * @param {string[]} known
 */
function differences(file, shown, key, known) {
  return [
    ...without(known, shown).map((path) => `${list} has the page ${path}: add it to ${file}, too`),
    ...without(shown, known).map(
      (path) => `${file} has the page ${path}: add it to ${key} in ${list}, too`,
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
      .map((page) => `${page} is not used: add it to ${signedInPages} or ${openPages}`)
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
