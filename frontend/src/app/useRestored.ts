import { useEffect, useRef } from 'preact/hooks'

/**
 * The back/forward cache restores a page in its old state, even after a sign-out. A page with data
 * to hide is stored blank, and its data is dropped before it is shown.
 */
export function useRestored(hides: boolean, forget: () => void): void {
  const hidesNow = useRef(hides)
  hidesNow.current = hides
  useEffect(() => {
    const kept = ({ persisted }: PageTransitionEvent) => {
      document.body.hidden = persisted && hidesNow.current
    }
    const restored = ({ persisted }: PageTransitionEvent) => {
      if (!(persisted && document.body.hidden)) return
      forget()
      // The new state has been rendered by then.
      setTimeout(() => {
        document.body.hidden = false
      })
    }
    addEventListener('pagehide', kept)
    addEventListener('pageshow', restored)
    return () => {
      removeEventListener('pagehide', kept)
      removeEventListener('pageshow', restored)
    }
  }, [forget])
}
