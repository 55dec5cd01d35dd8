import { useLayoutEffect, useState } from 'preact/hooks'

/**
 * The value that `read` finds in the fragment of the opened mail's link. It is removed from the
 * address bar, and so from the history, at once; a second link opened in the same tab changes only
 * the fragment and is read too.
 */
export function useLinked(read: (hash: string) => string | undefined): string | undefined {
  const [linked, setLinked] = useState(() => read(location.hash))
  useLayoutEffect(() => {
    const take = () => {
      if (location.hash === '') return
      const found = read(location.hash)
      if (found) setLinked(found)
      history.replaceState(history.state, '', location.pathname + location.search)
    }
    take()
    addEventListener('hashchange', take)
    return () => removeEventListener('hashchange', take)
  }, [read])
  return linked
}
