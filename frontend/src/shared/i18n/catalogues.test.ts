import { expect, test } from 'vitest'
import { allTexts, firstTexts, lazyTexts } from '../testing/catalogues'

// `npm run check` checks that each language is complete.
test('no text is in both the first and the lazy catalogue', () => {
  expect(Object.keys(allTexts.en).length).toBe(
    Object.keys(firstTexts.en).length + Object.keys(lazyTexts.en).length,
  )
})
