import { act } from '@testing-library/preact'
import { vi } from 'vitest'

/** Advances the fake clock by `milliseconds`, and runs everything that follows. */
export async function pass(milliseconds: number): Promise<void> {
  await act(async () => {
    await vi.advanceTimersByTimeAsync(milliseconds)
  })
  await settled()
}

/** Finishes pending work; no time passes. */
export async function settled(): Promise<void> {
  // Effects run at the end of act(), so an answer whose page sends a request itself needs more than
  // one round.
  for (let round = 0; round < 3; round++) {
    await act(async () => {
      await vi.advanceTimersByTimeAsync(0)
    })
  }
}

/** The user leaves the page for another tab, or returns to it. */
export async function show(visibility: DocumentVisibilityState): Promise<void> {
  vi.spyOn(document, 'visibilityState', 'get').mockReturnValue(visibility)
  document.dispatchEvent(new Event('visibilitychange'))
  await settled()
}
