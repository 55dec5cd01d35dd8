import { describe, expect, test } from 'vitest'
import { allTexts, firstTexts, laterTexts } from '../testing/catalogues'
import type { Catalogue, Key } from './text'

const { en } = allTexts
const catalogues: Record<string, Catalogue> = allTexts
const keys = Object.keys(en) as Key[]

test('no text is loaded both at first and later', () => {
  expect(keys.length).toBe(Object.keys(firstTexts.en).length + Object.keys(laterTexts.en).length)
})

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
