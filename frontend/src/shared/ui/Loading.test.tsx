import { render, screen } from '@testing-library/preact'
import { expect, test } from 'vitest'
import { advance } from '../testing/time'
import { Loading } from './Loading'

test('nothing is shown for 300 ms, then a progress indicator', async () => {
  render(<Loading />)
  await advance(299)
  expect(screen.getByRole('status').textContent).toBe('')
  await advance(1)
  expect(screen.getByRole('status').textContent).toBe('Loading…')
})
