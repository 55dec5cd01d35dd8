import { cleanup, render, screen } from '@testing-library/preact'
import { beforeAll, expect, test, vi } from 'vitest'
import { loadLazyTexts } from '../shared/i18n/text'
import { lazyPage } from './lazyPage'

const Page = ({ name }: { name: string }) => <h1>{name}</h1>
const heading = () => screen.getByRole('heading', { level: 1 }).textContent

// The tests do not measure the loading of texts.
beforeAll(loadLazyTexts)

test('a lazy page is loaded once, and then rendered at once', async () => {
  const importPage = vi.fn(async () => await Promise.resolve(Page))
  const Lazy = lazyPage(importPage)
  render(<Lazy name="first" />)
  expect(screen.queryByRole('heading')).toBeNull()
  await vi.waitFor(() => expect(heading()).toBe('first'))
  cleanup()
  render(<Lazy name="second" />)
  expect(heading()).toBe('second')
  expect(importPage).toHaveBeenCalledOnce()
})

test('a lazy page that cannot be preloaded shows an error only when it is opened', async () => {
  const importPage = vi
    .fn()
    .mockRejectedValueOnce(new TypeError('Failed to fetch'))
    .mockResolvedValue(Page)
  const Lazy = lazyPage<{ name: string }>(importPage)
  await Lazy.load()
  render(<Lazy name="at last" />)
  await vi.waitFor(() => expect(heading()).toBe('at last'))
  cleanup()

  const Broken = lazyPage<{ name: string }>(() => Promise.reject(new TypeError('Failed to fetch')))
  render(<Broken name="never" />)
  await vi.waitFor(() =>
    expect(screen.getByRole('alert').textContent).toContain('We can’t reach Sana right now.'),
  )
  expect(screen.getByRole('button', { name: 'Try again' })).toBeTruthy()
})
