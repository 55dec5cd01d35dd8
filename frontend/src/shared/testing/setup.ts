import { cleanup } from '@testing-library/preact'
import { afterEach, beforeEach, vi } from 'vitest'
import { use } from '../i18n/text'
import { allTexts } from './catalogues'

use(allTexts.en, 'en-GB')

beforeEach(() => {
  globalThis.fetch = () => Promise.reject(new Error('this test has no server'))
  vi.useFakeTimers()
  history.replaceState(null, '', '/')
  document.title = 'Sana'
})

afterEach(() => {
  cleanup()
  vi.useRealTimers()
})
