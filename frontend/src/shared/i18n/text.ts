import type { ComponentChildren } from 'preact'
import { brand } from '../brand'
import en from './en.json'
import type laterEn from './later/en.json'

type English = typeof en & typeof laterEn
export type Key = keyof English
type Plural = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string }
/** The texts of one language by key; one for each of its plural categories where a text depends on `count`. */
export type Catalogue = { readonly [K in Key]: English[K] extends string ? string : Plural }
/** The texts of the first page, and of those that are loaded later. */
type First = { readonly [K in keyof typeof en]: Catalogue[K] }
type Values<Value> = Readonly<Record<string, Value>>

/** The content of a file is examined by `npm run check`, which names the language and the key; the compiler would not. */
type Files = Readonly<Record<string, () => Promise<{ default: object }>>>

/** English is here at once; the others are loaded when somebody reads them. */
const others: Files = {
  de: () => import('./de.json'),
  fr: () => import('./fr.json'),
  es: () => import('./es.json'),
  ja: () => import('./ja.json'),
}
const later: Files = {
  en: () => import('./later/en.json'),
  de: () => import('./later/de.json'),
  fr: () => import('./later/fr.json'),
  es: () => import('./later/es.json'),
  ja: () => import('./later/ja.json'),
}
const english = 'en-GB'

let texts: Partial<Catalogue> = en
let inUse = english

/** The language (BCP 47, often with a region) that the pages speak, for what Intl writes. */
export function locale(): string {
  return inUse
}

/**
 * Has the pages speak the first of the wanted languages (BCP 47) that there are texts in, in the manner of its region.
 * English where there is none, or where the texts cannot be loaded. A tag that Intl rejects, such as "de_DE@euro", counts
 * as its language alone.
 */
export async function speak(wanted: readonly string[]): Promise<void> {
  const known = wanted.find((tag) => languageOf(tag) === 'en' || others[languageOf(tag)]) ?? english
  const tag = isForIntl(known) ? known : languageOf(known)
  try {
    const loaded = await others[languageOf(tag)]?.()
    use((loaded?.default as First | undefined) ?? en, tag)
  } catch {
    use(en, english)
  }
}

/** Learns the texts of the pages that are loaded later, in the language that is spoken. Throws where they cannot be had. */
export async function learn(): Promise<void> {
  const more = await later[languageOf(inUse)]?.()
  texts = { ...more?.default, ...texts }
}

/** In development: takes changed texts, if they are of the language that is spoken. Returns whether they are. */
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

/** Browsers and systems also give tags that no API of Intl takes (ECMA-402, 9.2.1). */
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

/** The text of `key`, each {name} in it replaced by the value of that name; {brand} is the operator's name. */
export function text(key: Key, values: Values<string | number> = {}): string {
  return richText(key, values).join('')
}

/** As text, with values that are more than text. */
export function richText(key: Key, values: Values<ComponentChildren>): ComponentChildren[] {
  return (
    inPlural(found(key), values.count)
      .split(/\{(\w+)\}/)
      .map((part, index) =>
        index % 2 === 0 ? part : written(values[part] ?? (part === 'brand' ? brand() : `{${part}}`)),
      )
      // Preact writes an empty text anew with each drawing, and a live region takes that for news.
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
