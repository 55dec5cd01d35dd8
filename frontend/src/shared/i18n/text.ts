import type { ComponentChildren } from 'preact'
import { brand } from '../brand'
import en from './en.json'
import type laterEn from './later/en.json'

type English = typeof en & typeof laterEn
export type Key = keyof English
type Plural = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }
/** The texts of one language by key; one for each plural category if a text depends on `count`. */
export type Catalogue = { readonly [K in Key]: English[K] extends string ? string : Plural }
/** The texts of the first page, and of the pages that are loaded later. */
type First = { readonly [K in keyof typeof en]: Catalogue[K] }
type Values<Value> = Readonly<Record<string, Value>>

/**
 * `npm run check` checks the content of the files, and reports language and key; the compiler would
 * not.
 */
type Files = Readonly<Record<string, () => Promise<{ default: object }>>>

/** English is built in; the others are loaded on demand. */
const others: Files = {
  de: () => import('./de.json'),
  fr: () => import('./fr.json'),
  es: () => import('./es.json'),
  ja: () => import('./ja.json'),
}
const lazy: Files = {
  en: () => import('./later/en.json'),
  de: () => import('./later/de.json'),
  fr: () => import('./later/fr.json'),
  es: () => import('./later/es.json'),
  ja: () => import('./later/ja.json'),
}
const english = 'en-GB'

let texts: Partial<Catalogue> = en
let inUse = english

/** The language of the pages (BCP 47, often with a region), for Intl. */
export function locale(): string {
  return inUse
}

/**
 * Loads the first of the requested languages (BCP 47) that has texts, with its region's formats.
 * English if there is none, or if the texts cannot be loaded. A tag that Intl rejects, such as
 * "de_DE@euro", counts as its language only.
 */
export async function loadLanguage(wanted: readonly string[]): Promise<void> {
  const known = wanted.find((tag) => languageOf(tag) === 'en' || others[languageOf(tag)]) ?? english
  const tag = isForIntl(known) ? known : languageOf(known)
  try {
    const loaded = await others[languageOf(tag)]?.()
    use((loaded?.default as First | undefined) ?? en, tag)
  } catch {
    use(en, english)
  }
}

/**
 * Loads the texts of the lazily loaded pages in the current language. Throws if they cannot be
 * loaded.
 */
export async function loadLazyTexts(): Promise<void> {
  const more = await lazy[languageOf(inUse)]?.()
  texts = { ...more?.default, ...texts }
}

/**
 * In development: replaces changed texts, if they are in the current language. Returns whether they
 * are.
 */
export function replaceTexts(language: string, changed: Partial<Catalogue>): boolean {
  if (language !== languageOf(inUse)) return false
  texts = { ...texts, ...changed }
  return true
}

export function use(catalogue: Partial<Catalogue>, tag: string): void {
  texts = catalogue
  inUse = tag
  document.documentElement.lang = languageOf(tag)
}

function languageOf(tag: string): string {
  return /^[a-z]*/i.exec(tag)?.[0].toLowerCase() ?? ''
}

/** Browsers and systems also use tags that Intl rejects (ECMA-402, 9.2.1). */
function isForIntl(tag: string): boolean {
  try {
    return Intl.getCanonicalLocales(tag).length > 0
  } catch {
    return false
  }
}

export function hasText(key: string): key is Key {
  return key in texts
}

/**
 * The text of `key` with its {placeholders} replaced by the values; {brand} is the operator's name.
 */
export function text(key: Key, values: Values<string | number> = {}): string {
  return richText(key, values).join('')
}

/** text, with values that may be elements. */
export function richText(key: Key, values: Values<ComponentChildren>): ComponentChildren[] {
  return (
    inPlural(found(key), values.count)
      .split(/\{(\w+)\}/)
      .map((part, index) =>
        index % 2 === 0
          ? part
          : written(values[part] ?? (part === 'brand' ? brand() : `{${part}}`)),
      )
      // Preact rewrites an empty text with each rendering, and a live region would announce that.
      .filter((part) => part !== '')
  )
}

function found(key: Key): string | Plural {
  const found = texts[key]
  if (found === undefined) throw new Error(`the text ${key} is not loaded yet`)
  return found
}

function inPlural(found: string | Plural, count: ComponentChildren): string {
  if (typeof found === 'string') return found
  return found[new Intl.PluralRules(inUse).select(Number(count))] ?? found.other
}

function written(value: ComponentChildren): ComponentChildren {
  return typeof value === 'number' ? value.toLocaleString(inUse) : value
}
