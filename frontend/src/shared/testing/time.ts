import { act } from '@testing-library/preact'
import { vi } from 'vitest'

/** Lets `milliseconds` pass on the fake clock, and everything that follows from it happen. */
export async function pass(milliseconds: number): Promise<void> {
  await act(async () => {
    await vi.advanceTimersByTimeAsync(milliseconds)
  })
  await settled()
}

/** Lets what is under way come to its end; no time passes. */
export async function settled(): Promise<void> {
  // Effects run at the end of act(), so an answer whose page asks for something itself takes more than one.
  for (let round = 0; round < 3; round++) {
    await act(async () => {
      await vi.advanceTimersByTimeAsync(0)
    })
  }
}

/** The person leaves the page for another tab, or comes back to it. */
export async function show(visibility: DocumentVisibilityState): Promise<void> {
  vi.spyOn(document, 'visibilityState', 'get').mockReturnValue(visibility)
  document.dispatchEvent(new Event('visibilitychange'))
  await settled()
}
