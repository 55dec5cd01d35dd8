import { type ComponentChildren, Fragment, type FunctionComponent } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { get, ownRefusal, type RequestError, Unreachable } from '../shared/api/http'
import { untilAnswered } from '../shared/api/retry'
import { loadLazyTexts } from '../shared/i18n/text'
import { ErrorPage } from '../shared/ui/ErrorPage'
import { Loading } from '../shared/ui/Loading'

/**
 * A page whose program and texts are separate files, loaded when the page is shown, or earlier by
 * `load`, which never throws. If loading fails, the page says so until the server answers. A file
 * that is missing then belongs to an old release: the page is reloaded once.
 */
export function lazyPage<Props extends object>(
  importPage: () => Promise<FunctionComponent<Props>>,
  /** The frame around the page while the page is missing. */
  Around: FunctionComponent<{ children: ComponentChildren }> = Fragment,
) {
  let Page: FunctionComponent<Props> | undefined

  /** @returns the reason if there is no page */
  async function load(): Promise<Unreachable | undefined> {
    try {
      Page ??= (await Promise.all([importPage(), loadLazyTexts()]))[0]
      return undefined
    } catch (error) {
      return new Unreachable(error)
    }
  }

  function Later(props: Props) {
    const [requestError, setRequestError] = useState<RequestError>()
    const [, notice] = useState(Page !== undefined)
    useEffect(() => {
      const unmounted = new AbortController()
      const { signal } = unmounted
      load().then(async (failure) => {
        if (!failure) return notice(true)
        setRequestError(failure)
        await untilAnswered(
          (signal) => get('/api/auth/session', signal),
          setRequestError,
          signal,
        ).catch(() => {})
        if (signal.aborted) return
        if (wasReloaded()) setRequestError(ownRefusal('not_found'))
        else location.reload()
      })
      return () => unmounted.abort()
    }, [])
    if (Page) return <Page {...props} />
    // Browsers may cache the failed import until the page is reloaded.
    return (
      <Around>
        {requestError ? (
          <ErrorPage requestError={requestError} onRetry={() => location.reload()} />
        ) : (
          <Loading />
        )}
      </Around>
    )
  }
  return Object.assign(Later, { load })
}

function wasReloaded(): boolean {
  const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[]
  return navigation?.type === 'reload'
}
