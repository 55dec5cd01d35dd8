import { describe, expect, test } from 'vitest'
import de from './de.json'
import en from './en.json'
import es from './es.json'
import fr from './fr.json'
import ja from './ja.json'
import type { Catalogue, Key } from './text'

const catalogues: Record<string, Catalogue> = { en, de, fr, es, ja }
const keys = Object.keys(en) as Key[]

/** All forms of a text, each with its name: several where it depends on a number. */
const forms = (found: Catalogue[Key]) => Object.entries(typeof found === 'string' ? { only: found } : found)
const placeholders = (form: string) => [...new Set(form.match(/\{[^}]*\}/g))].sort()

describe.each(Object.entries(catalogues))('the texts in %s', (language, catalogue) => {
  test('are those of English, in the same order for whoever compares them', () => {
    expect(Object.keys(catalogue)).toEqual(keys)
  })

  test('have the same placeholders, and are neither empty nor ragged', () => {
    for (const key of keys) {
      const wanted = placeholders(forms(en[key]).at(-1)?.[1] ?? '')
      for (const [form, words] of forms(catalogue[key])) {
        expect(placeholders(words), `${key} ${form}`).toEqual(wanted)
        expect(words.replace(/\{\w+\}/g, 'x'), `${key} ${form}`).not.toMatch(/[{}]|^\s|\s$|^$/)
      }
    }
  })

  test('that depend on a number have a form for each one that there can be', () => {
    const rules = new Intl.PluralRules(language)
    const needed = [...new Set(Array.from({ length: 101 }, (_, count) => rules.select(count)))].sort()
    for (const key of keys) {
      const found = catalogue[key]
      if (typeof found !== 'string') expect(Object.keys(found).sort(), key).toEqual(needed)
    }
  })
})
