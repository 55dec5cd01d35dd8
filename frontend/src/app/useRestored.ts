import { useEffect, useRef } from 'preact/hooks'

/**
 * A page that the browser has kept as it was (back/forward cache) comes back as it was too, also after a sign-out. Where
 * it has something to hide, it is kept blank, and forgets what it shows before it is seen.
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
      // What is drawn anew is drawn by then.
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
