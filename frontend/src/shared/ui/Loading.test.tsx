import { render, screen } from '@testing-library/preact'
import { expect, test } from 'vitest'
import { pass } from '../testing/time'
import { Loading } from './Loading'

test('nothing is shown for 300 ms, then a progress indicator', async () => {
  render(<Loading />)
  await pass(299)
  expect(screen.getByRole('status').textContent).toBe('')
  await pass(1)
  expect(screen.getByRole('status').textContent).toBe('Loading…')
})
