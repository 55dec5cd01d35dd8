import { useLayoutEffect } from 'preact/hooks'

/**
 * The id of the code that this tab showed before a reload, so that it shows the same one again
 * although other tabs use other addresses; '' if it showed that no code was sent.
 */
export function shownCode(): string | undefined {
  return history.state?.code
}

/**
 * Stores the id while the tab's history has this page. It is not a secret: it works in this browser
 * only.
 */
export function useShownCode(id: string): void {
  useLayoutEffect(() => history.replaceState({ ...history.state, code: id }, ''), [id])
}
