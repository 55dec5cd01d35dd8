import { expect, test } from 'vitest'
import { appOf, nextPath, queryFor } from './next'

const read = (next: string) => nextPath(`?next=${encodeURIComponent(next)}`)

test.each(['/', '/account', '/account?tab=mail#name', '/%2f%2fevil.example', '/a/../b'])(
  'A-27: %s is a path of this origin',
  (next) => {
    const path = read(next)
    expect(path).toBeDefined()
    expect(new URL(path ?? '', location.origin).origin).toBe(location.origin)
    expect(nextPath(queryFor(path))).toBe(path)
  },
)

test.each([
  '',
  'account',
  '//evil.example',
  '/\\evil.example',
  '\\\\evil.example',
  '/\t/evil.example',
  '/\n/evil.example',
  '\t//evil.example',
  ' //evil.example',
  '/..//evil.example',
  '/.//evil.example',
  'https://evil.example',
  'https:evil.example',
  'javascript:alert(1)',
  'data:text/html,x',
  '///evil.example',
  '/\\/evil.example',
])('A-27: %j is rejected', (next) => {
  expect(read(next)).toBeUndefined()
})

test('A-27: accepted values stay on this origin, over 2 000 generated ones', () => {
  const parts = [
    '/',
    '\\',
    '.',
    '..',
    '\t',
    '\n',
    ' ',
    '%2f',
    '%5c',
    'evil.example',
    '@',
    ':',
    '?',
    '#',
    'a',
    'https',
    '//',
    '\u3002',
    '\0',
  ]
  let seed = 1
  const random = (below: number) => {
    seed = (seed * 48271) % 2147483647
    return seed % below
  }
  let accepted = 0
  for (let i = 0; i < 2000; i++) {
    const value = Array.from({ length: 1 + random(7) }, () => parts[random(parts.length)]).join('')
    const path = read(value)
    if (path === undefined) continue
    accepted++
    // As a link, and as an argument of the router, which resolves it relative to the page.
    expect(new URL(path, location.origin).origin, JSON.stringify(value)).toBe(location.origin)
    expect(path).toMatch(/^\/(?!\/)/)
  }
  expect(accepted).toBeGreaterThan(50)
})

test('visitors from an app return to it, and their code request names it', () => {
  const enter = '/enter?host=wiki.example.org&path=%2Fpage%3Fa%3Db&nonce_hash=abc'
  expect(read(enter)).toBe(enter)
  expect(appOf(enter)).toEqual({ host: 'wiki.example.org', path: '/page?a=b', nonce_hash: 'abc' })
  expect(appOf('/account?host=wiki.example.org')).toBeUndefined()
  expect(appOf(undefined)).toBeUndefined()
})
