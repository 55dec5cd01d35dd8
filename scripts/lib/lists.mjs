// Lists that name the same things in two places: each fault says what to do where.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './paths.mjs'

const features = 'frontend/src/features'
const app = 'frontend/src/app'

/** @returns {string[]} the faults, none if all is well */
export function examineLists() {
  return [...pageFaults(), ...featureFaults(), ...languageFaults()]
}

/** A page that signed-in users see is named in App.tsx, and that leads to the other places. */
function pageFaults() {
  const inside = named(`${app}/App.tsx`, /const inside = \[([^\]]*)\]/, /'(\/[^']*)'/g)
  const all = [...inside, '/verify', '/not-you', '/recovery']
  const places = [
    {
      file: 'backend/web/files.go',
      paths: named('backend/web/files.go', /pages = map\[string\]bool\{([^}]*)\}/, /"(\/[^"]*)"/g),
      wanted: all,
      advice: 'pages there lists the paths that the server answers with 200',
    },
    {
      file: `${app}/Navigation.tsx`,
      paths: named(`${app}/Navigation.tsx`, /const links[^=]*= \[(.*?)\n\]/s, /\['(\/[^']*)'/g),
      wanted: inside,
      advice: 'links there lists what the navigation leads to',
    },
    {
      file: `${app}/laterPages.tsx`,
      paths: [
        ...new Set(
          named(
            `${app}/laterPages.tsx`,
            /return \(\n\s*<InsideContext(.*)/s,
            /path === '(\/[^']*)'/g,
          ),
        ),
      ],
      wanted: inside,
      advice: 'InsidePages there shows each page at its path',
    },
  ]
  return places.flatMap(({ file, paths, wanted, advice }) => [
    ...without(wanted, paths).map(
      (path) => `${app}/App.tsx has the page ${path}, ${file} has not: ${advice}`,
    ),
    ...without(paths, wanted).map(
      (path) => `${file} has the page ${path}, ${app}/App.tsx has not: inside there lists all`,
    ),
  ])
}

/** Every feature is closed to the others by Biome, and every page can be seen in its states. */
function featureFaults() {
  const folders = readdirSync(join(root, features))
  const closed = named(
    'biome.json',
    /"\*\*\/app\/\*\*",(\s*"\.\.[^\]]*)\]/,
    /"\.\.\/([^/"]+)\/\*\*"/g,
  )
  const withPages = folders.filter((name) =>
    readdirSync(join(root, features, name)).some((file) => /Page\.tsx$/.test(file)),
  )
  const withoutStates = withPages.filter((name) => {
    return !readdirSync(join(root, features, name)).some((file) => file.endsWith('.states.ts'))
  })
  return [
    ...without(folders, closed).map(
      (name) => `biome.json does not close ${features}/${name}: add "../${name}/**" to its group`,
    ),
    ...without(closed, folders).map(
      (name) => `biome.json closes ${features}/${name}, which is not there`,
    ),
    ...withoutStates.map(
      (name) =>
        `${features}/${name} has a page and no *.states.ts beside it, which shows it at /dev/states`,
    ),
  ]
}

/** Every language that has a file is loaded. */
function languageFaults() {
  const folder = 'frontend/src/shared/i18n'
  const files = readdirSync(join(root, folder)).filter((name) => name.endsWith('.json'))
  const loaded = named(`${folder}/text.ts`, /const later[^=]*= \{(.*?)\n\}/s, /\b(\w+): \(\) =>/g)
  return without(
    files.map((name) => name.replace('.json', '')),
    loaded,
  ).map(
    (language) =>
      `${folder}/text.ts does not load ${language}: add it to others and to later there`,
  )
}

/**
 * @param {string} file
 * @param {RegExp} list what surrounds the list
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
