import { renderHook } from '@testing-library/preact'
import { expect, test, vi } from 'vitest'

test('the page works without a channel between tabs', async () => {
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
