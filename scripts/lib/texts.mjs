// Checks the texts of the pages: every language has the keys and placeholders of English. Each
// fault has its language and key.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { root } from './paths.mjs'

const folder = 'frontend/src/shared/i18n'

/**
 * @typedef {string | Record<string, string> | null} Text null if not translated
 */

/**
 * @returns {{ faults: string[], untranslated: string[] }} the faults, and the texts that are
 *   marked as not translated
 */
export function examineTexts() {
  /** @type {string[]} */
  const faults = []
  /** @type {string[]} */
  const untranslated = []
  for (const part of ['', 'later/']) {
    const files = readdirSync(join(root, folder, part)).filter((name) => name.endsWith('.json'))
    const english = read(`${part}en.json`)
    for (const file of files) {
      const language = basename(file, '.json')
      const texts = read(part + file)
      for (const [key, fault] of faultsOf(language, texts, english))
        faults.push(`${folder}/${part}${file}: ${key} ${fault}`)
      for (const [key, text] of Object.entries(texts))
        if (text === null) untranslated.push(`${language} ${key}`)
    }
  }
  return { faults, untranslated }
}

/** @param {string} file @returns {Record<string, Text>} */
function read(file) {
  const path = join(root, folder, file)
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {}
}

/**
 * @param {string} language
 * @param {Record<string, Text>} texts
 * @param {Record<string, Text>} english
 * @returns {[key: string, fault: string][]}
 */
function faultsOf(language, texts, english) {
  /** @type {[string, string][]} */
  const faults = []
  for (const key of Object.keys(english))
    if (!(key in texts))
      faults.push([key, 'is missing; null marks a text that is not translated yet'])
  for (const key of Object.keys(texts))
    if (!(key in english)) faults.push([key, 'is not in English'])
  const common = Object.keys(texts).filter((key) => key in english)
  const ordered = Object.keys(english).filter((key) => key in texts)
  const misplaced = common.find((key, place) => ordered[place] !== key)
  if (misplaced) faults.push([misplaced, 'is not where English has it'])
  for (const key of common)
    for (const fault of faultsOfText(language, texts[key], english[key])) faults.push([key, fault])
  return faults
}

/** @param {string} language @param {Text} text @param {Text} english @returns {string[]} */
function faultsOfText(language, text, english) {
  if (text === null) return language === 'en' ? ['is null, but every English text is required'] : []
  if (english === null) return []
  if ((typeof text === 'string') !== (typeof english === 'string'))
    return ['has plural forms, or has none, unlike English']
  const faults = []
  const wanted = placeholders(forms(english).at(-1)?.[1] ?? '')
  for (const [form, words] of forms(text)) {
    if (placeholders(words) !== wanted)
      faults.push(`${form} has the placeholders ${placeholders(words)}, want ${wanted}`)
    if (/[{}]|^\s|\s$|^$/.test(words.replace(/\{\w+\}/g, 'x')))
      faults.push(`${form} is empty, starts or ends with a space, or has a stray brace`)
  }
  if (typeof text !== 'string') {
    const rules = new Intl.PluralRules(language)
    const needed = [...new Set(Array.from({ length: 101 }, (_, count) => rules.select(count)))]
      .sort()
      .join(', ')
    const found = Object.keys(text).sort().join(', ')
    if (found !== needed) faults.push(`has the forms ${found}, but this language has ${needed}`)
  }
  return faults
}

/** @param {string | Record<string, string>} text @returns {[form: string, words: string][]} */
function forms(text) {
  return Object.entries(typeof text === 'string' ? { text } : text)
}

/** @param {string} form */
function placeholders(form) {
  return [...new Set(form.match(/\{[^}]*\}/g))].sort().join(' ') || 'none'
}
