import { useLayoutEffect, useState } from 'preact/hooks'
import { codeInFragment } from './code'

/**
 * The code of the mail's link that led here. It leaves the address bar, and so the history, at once; a second link
 * opened in the same tab changes only the fragment and is taken too.
 */
export function useLinkedCode(): string | undefined {
  const [code, setCode] = useState(() => codeInFragment(location.hash))
  useLayoutEffect(() => {
    const take = () => {
      if (location.hash === '') return
      const linked = codeInFragment(location.hash)
      if (linked) setCode(linked)
      history.replaceState(history.state, '', location.pathname + location.search)
    }
    take()
    addEventListener('hashchange', take)
    return () => removeEventListener('hashchange', take)
  }, [])
  return code
}
