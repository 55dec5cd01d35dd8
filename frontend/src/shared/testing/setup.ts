import { cleanup } from '@testing-library/preact'
import { afterEach, beforeEach, expect, vi } from 'vitest'
import { use } from '../i18n/text'
import { allTexts } from './catalogues'
import { recordRewrites } from './rewrites'

use(allTexts.en, 'en-GB')
const rewrites = recordRewrites()

beforeEach(() => {
  globalThis.fetch = () => Promise.reject(new Error('this test has no server'))
  vi.useFakeTimers()
  history.replaceState(null, '', '/')
  document.title = 'Sana'
  localStorage.clear()
})

afterEach(() => {
  cleanup()
  vi.useRealTimers()
  expect(rewrites.splice(0), 'texts that would not change on a translated page').toEqual([])
})
