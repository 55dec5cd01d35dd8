import { act } from '@testing-library/preact'
import { vi } from 'vitest'

/** Advances the fake clock by `milliseconds`, and finishes the work that this starts. */
export async function advance(milliseconds: number): Promise<void> {
  await act(async () => {
    await vi.advanceTimersByTimeAsync(milliseconds)
  })
  await settle()
}

/** Finishes pending work without advancing the clock. */
export async function settle(): Promise<void> {
  // Effects run at the end of act(), so a page that sends another request after a response needs
  // more than one round.
  for (let round = 0; round < 3; round++) {
    await act(async () => {
      await vi.advanceTimersByTimeAsync(0)
    })
  }
}

/** The user leaves the page for another tab, or returns to it. */
export async function setVisibility(visibility: DocumentVisibilityState): Promise<void> {
  vi.spyOn(document, 'visibilityState', 'get').mockReturnValue(visibility)
  document.dispatchEvent(new Event('visibilitychange'))
  await settle()
}
