import { useLayoutEffect } from 'preact/hooks'

/**
 * The id of the code that this tab showed before a reload, so that it shows the same one again beside tabs with other
 * addresses; '' if it showed that no code was sent.
 */
export function shownCode(): string | undefined {
  return history.state?.code
}

/** Remembers the id for as long as the tab's history has this page. It is no secret: it works in this browser only. */
export function useShownCode(id: string): void {
  useLayoutEffect(() => history.replaceState({ ...history.state, code: id }, ''), [id])
}
