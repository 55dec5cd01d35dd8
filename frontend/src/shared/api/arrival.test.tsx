import { renderHook } from '@testing-library/preact'
import { expect, test } from 'vitest'
import { FakeServer, json, pendingCode, signedIn } from '../testing/server'
import { settle, setVisibility } from '../testing/time'
import { useRead } from './useRead'

const session = 'GET /api/auth/session'

test('a page served without a session reads the session only on return', async () => {
  document.documentElement.dataset.session = 'none'
  const server = new FakeServer({ [session]: json(signedIn) })
  const { result } = renderHook(() => useRead('/api/auth/session'))
  await settle()
  expect(result.current.read).toMatchObject({
    state: 'refused',
    refusal: { problem: { code: 'not_signed_in' } },
  })
  expect(server.calls).toEqual([])
  await setVisibility('visible')
  expect(result.current.read).toMatchObject({ state: 'ready' })
  expect(server.calls).toEqual([session])
})

test('the served session state is used for no other request', async () => {
  document.documentElement.dataset.session = 'none'
  const server = new FakeServer({ 'GET /api/auth/code': json(pendingCode()) })
  const { result } = renderHook(() => useRead('/api/auth/code'))
  await settle()
  expect(result.current.read.state).toBe('ready')
  expect(server.count('GET /api/auth/code')).toBe(1)
  expect(document.documentElement.dataset.session).toBe('none')
  delete document.documentElement.dataset.session
})
