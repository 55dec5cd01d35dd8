import { renderHook } from '@testing-library/preact'
import { expect, test, vi } from 'vitest'

test('a browser that allows no channel between tabs runs the page without one', async () => {
  const refuse = () => {
    throw new DOMException('The operation is insecure.', 'SecurityError')
  }
  vi.stubGlobal('BroadcastChannel', refuse)
  vi.resetModules()
  const { tellOtherTabs, useOtherTabs } = await import('./tabs')
  const { unmount } = renderHook(() => useOtherTabs(() => {}))
  expect(() => tellOtherTabs('signed_in')).not.toThrow()
  unmount()
})
