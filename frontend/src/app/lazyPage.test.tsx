import { cleanup, render, screen } from '@testing-library/preact'
import { beforeAll, expect, test, vi } from 'vitest'
import { learn } from '../shared/i18n/text'
import { lazyPage } from './lazyPage'

const Page = ({ name }: { name: string }) => <h1>{name}</h1>
const heading = () => screen.getByRole('heading', { level: 1 }).textContent

// The tests do not measure the loading of texts.
beforeAll(learn)

test('a page is shown when its program is there, at once where that was loaded before, and loaded once', async () => {
  const importPage = vi.fn(async () => await Promise.resolve(Page))
  const Later = lazyPage(importPage)
  render(<Later name="first" />)
  expect(screen.queryByRole('heading')).toBeNull()
  await vi.waitFor(() => expect(heading()).toBe('first'))
  cleanup()
  render(<Later name="second" />)
  expect(heading()).toBe('second')
  expect(importPage).toHaveBeenCalledOnce()
})

test('a lazy page that cannot be preloaded shows an error only when it is opened', async () => {
  const importPage = vi
    .fn()
    .mockRejectedValueOnce(new TypeError('Failed to fetch'))
    .mockResolvedValue(Page)
  const Later = lazyPage<{ name: string }>(importPage)
  await Later.load()
  render(<Later name="at last" />)
  await vi.waitFor(() => expect(heading()).toBe('at last'))
  cleanup()

  const Never = lazyPage<{ name: string }>(() => Promise.reject(new TypeError('Failed to fetch')))
  render(<Never name="never" />)
  await vi.waitFor(() =>
    expect(screen.getByRole('alert').textContent).toContain('We can’t reach Sana right now.'),
  )
  expect(screen.getByRole('button', { name: 'Try again' })).toBeTruthy()
})
