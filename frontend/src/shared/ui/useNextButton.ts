import { useEffect, useRef } from 'preact/hooks'

/**
 * Manages the focus in a list whose rows have a button that removes them: after `removed(place)`
 * the button that has moved to that place gets it, or the last one, or the heading of the page if
 * no button is left.
 */
export function useNextButton() {
  const list = useRef<HTMLUListElement>(null)
  const gone = useRef<number>(undefined)
  useEffect(() => {
    if (gone.current === undefined) return
    const buttons = list.current?.querySelectorAll('button') ?? []
    const next = buttons[Math.min(gone.current, buttons.length - 1)]
    gone.current = undefined
    ;(next ?? document.querySelector('h1'))?.focus()
  })
  const removed = (place: number) => {
    gone.current = place
  }
  return { list, removed }
}
