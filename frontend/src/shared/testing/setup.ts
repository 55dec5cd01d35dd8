import { cleanup } from '@testing-library/preact'
import { afterEach, beforeEach, vi } from 'vitest'

beforeEach(() => {
  vi.useFakeTimers()
  history.replaceState(null, '', '/')
  document.title = 'Sana'
})

afterEach(() => {
  cleanup()
  vi.useRealTimers()
})
