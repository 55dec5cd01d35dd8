import { expect, test } from 'vitest'
import { allTexts, firstTexts, laterTexts } from '../testing/catalogues'

// `npm run check` checks that each language is complete.
test('no text is loaded both at first and later', () => {
  expect(Object.keys(allTexts.en).length).toBe(
    Object.keys(firstTexts.en).length + Object.keys(laterTexts.en).length,
  )
})
