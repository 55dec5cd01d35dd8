// The sizes of downloads in bytes after brotli, and their limits.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { extname, join } from 'node:path'
import { brotliCompressSync } from 'node:zlib'
import { root, spaDir } from './paths.mjs'
import { Problem } from './problem.mjs'

/** The sizes when `npm run sizes -- --write` last recorded them. */
const knownFile = join(root, 'scripts/sizes.json')
const assets = join(spaDir, 'assets')

const limits = {
  'JavaScript of the first page': 14_000,
  'JavaScript of all pages': 36_000,
  CSS: 8000,
}

/** @returns {string} the sizes as text; throws a Problem if one is over its limit */
export function checkSizes() {
  const sizes = measure()
  const words = Object.entries(sizes).map(([what, bytes]) => `${what} ${inKilobytes(bytes)}`)
  const over = Object.entries(limits).filter(
    ([what, limit]) => sizes[/** @type {keyof typeof limits} */ (what)] > limit,
  )
  if (over.length === 0) return words.join(', ')
  const faults = over.map(([what, limit]) => `The limit of ${what} is ${inKilobytes(limit)}.`)
  throw new Problem([words.join(', '), ...faults, ...growth()].join('\n'))
}

/** Records the current sizes, so that a later failure can name the files that have grown. */
export function recordSizes() {
  writeFileSync(knownFile, `${JSON.stringify(Object.fromEntries(sizesByName()), null, 2)}\n`)
}

function measure() {
  const scripts = readdirSync(assets).filter((name) => extname(name) === '.js')
  /** @param {string[]} names */
  const sum = (names) => names.map(sizeOf).reduce((total, size) => total + size, 0)
  // A browser loads the texts of one language.
  const languages = [...new Set(scripts.map(languageOf))].filter(Boolean)
  const texts = languages.map((language) =>
    sum(scripts.filter((name) => languageOf(name) === language)),
  )
  return {
    'JavaScript of the first page': sum(filesOfFirstPage()),
    'JavaScript of all pages':
      sum(scripts.filter((name) => !languageOf(name))) + Math.max(...texts),
    CSS: styleSize(),
  }
}

/**
 * @param {string} name
 * @returns {string | undefined} the language of the texts in this file, undefined for code
 */
function languageOf(name) {
  return /^([a-z]{2})-[\w-]{8}\./.exec(name)?.[1]
}

/** The script that starts the page, the page's own, and what that imports before it runs. */
function filesOfFirstPage() {
  const names = new Set(
    [...page().matchAll(/<script [^>]*src="\/assets\/([^"]+)"/g)].map(([, name]) => name ?? ''),
  )
  for (const name of names) {
    const code = readFileSync(join(assets, name), 'utf8')
    for (const [, imported] of code.matchAll(/(?:from|import)\s*["'`]\.\/([^"'`]+)["'`]/g))
      names.add(imported ?? '')
  }
  if (names.size === 0) throw new Problem('frontend/dist/index.html loads no script.')
  return ['../start.js', ...names]
}

function page() {
  return readFileSync(join(spaDir, 'index.html'), 'utf8')
}

/** All styles are in the page. */
function styleSize() {
  const style = /<style>([\s\S]*?)<\/style>/.exec(page())?.[1]
  if (!style) throw new Problem('frontend/dist/index.html has no style.')
  return brotliCompressSync(style).length
}

/** The sizes of files by name, without the hash of their content. */
function sizesByName() {
  const scripts = readdirSync(assets).filter((name) => extname(name) === '.js')
  /** @type {Map<string, number>} */
  const sizes = new Map([['style.css', styleSize()]])
  for (const file of scripts) {
    const name = file.replace(/-[\w-]{8}\./, '.')
    sizes.set(name, (sizes.get(name) ?? 0) + sizeOf(file))
  }
  return [...sizes]
}

function growth() {
  const known = JSON.parse(readFileSync(knownFile, 'utf8'))
  return sizesByName()
    .filter(([name, size]) => size > (known[name] ?? 0))
    .map(([name, size]) => `${name} has grown by ${size - (known[name] ?? 0)} to ${size} bytes.`)
}

/** @param {string} name */
function sizeOf(name) {
  return brotliCompressSync(readFileSync(join(assets, name))).length
}

/** @param {number} bytes */
function inKilobytes(bytes) {
  return `${(bytes / 1000).toFixed(1)} kB`
}
