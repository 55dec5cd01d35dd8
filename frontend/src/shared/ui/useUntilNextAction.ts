import { useEffect, useState } from 'preact/hooks'

/** A text about the last action, which disappears with the user's next action. */
export function useUntilNextAction(words: string | false | undefined): string | false | undefined {
  const [over, setOver] = useState<string>()
  useEffect(() => {
    setOver(undefined)
    if (!words) return
    const act = ({ target }: Event) => {
      if (target instanceof Element && target.closest('button, a')) setOver(words)
    }
    document.addEventListener('click', act, true)
    return () => document.removeEventListener('click', act, true)
  }, [words])
  return words === over ? undefined : words
}
