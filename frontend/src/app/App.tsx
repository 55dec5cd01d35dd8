import { useCallback, useEffect, useErrorBoundary, useMemo, useState } from 'preact/hooks'
import { LocationProvider, useLocation } from 'preact-iso'
import { signedIn } from '../../../backend/web/pages.json'
import type { Arrival } from '../features/sign-in/SignInPage'
import { forgetArrival } from '../shared/api/arrival'
import { type CodeRequest, refusalOfFault } from '../shared/api/http'
import { type Requested, received } from '../shared/code/received'
import { tellOtherTabs } from '../shared/tabs'
import { ErrorPage } from '../shared/ui/ErrorPage'
import { Main } from './Frame'
import { Gate } from './Gate'
import { LazyCodePage, LazyFoot, LazyOtherPages, loadPages } from './lazyPages'
import { nextPath, queryFor } from './next'
import { Offline } from './Offline'

/** The SPA's pages; other paths of this host may belong to other programs. */
const isOurs = (path: string) => signedIn.includes(path) || path === '/verify'

export function App() {
  return (
    <LocationProvider>
      <Offline />
      <Safely />
      <Below />
    </LocationProvider>
  )
}

/** The footer, once its file is loaded: no page waits for it. */
function Below() {
  const [isThere, setThere] = useState(false)
  useEffect(() => {
    // Preloads the next pages, too.
    loadPages().then(setThere)
  }, [])
  return isThere ? <LazyFoot /> : null
}

/** The page, or an error page if rendering failed: partly rendered pages cannot be used. */
function Safely() {
  const [fault] = useErrorBoundary()
  const requestError = useMemo(() => fault && refusalOfFault(fault), [fault])
  if (!requestError) return <Pages />
  return (
    <Main>
      <ErrorPage requestError={requestError} onRetry={() => location.reload()} />
    </Main>
  )
}

function Pages() {
  const { path, route } = useLocation()
  const [arrival, setArrival] = useState<Arrival>({})
  const [requested, setRequested] = useState<Requested>()

  const next = nextPath(location.search)
  const query = queryFor(next)

  const enterCode = useCallback(
    (request: CodeRequest) => {
      setArrival({ email: request.email })
      setRequested(received(request))
      route(`/verify${query}`)
    },
    [route, query],
  )
  // Replaced, not pushed: going back to a used or cancelled code would be useless.
  const start = useCallback(
    (arrival: Arrival) => {
      setRequested(undefined)
      setArrival((last) => ({ ...(last.email ? { email: last.email } : {}), ...arrival }))
      route(`/${query}`, true)
    },
    [route, query],
  )
  // The start page finds out the current user, and continues to the requested page.
  const welcome = useCallback(() => {
    setArrival({})
    setRequested(undefined)
    route(`/${query}`, true)
  }, [route, query])
  const onSignedIn = useCallback(() => {
    tellOtherTabs('signed_in')
    welcome()
  }, [welcome])
  const recover = useCallback(
    () => route(`/recovery?begin${query.replace('?', '&')}`, true),
    [route, query],
  )
  const goOn = useCallback(() => {
    if (!next) return
    const [path = ''] = next.split(/[?#]/)
    if (isOurs(path)) route(next, true)
    else location.replace(next)
  }, [route, next])

  const signIn = useCallback(
    (forGood: boolean) =>
      route(`/${forGood ? '' : queryFor(location.pathname + location.search)}`, true),
    [route],
  )

  // Pages that need it have read it by now.
  useEffect(forgetArrival, [])

  // Others see the sign-in form at these paths: the first one at its own path.
  if (signedIn.includes(path)) {
    return (
      <Gate
        path={path}
        arrival={arrival}
        onArrival={setArrival}
        onCodeRequested={enterCode}
        onSignedIn={path === '/' && next ? goOn : undefined}
        onNotSignedIn={signIn}
      />
    )
  }
  if (path === '/verify') {
    const fillIn = (code: string) => route(`/account#c=${code}`, true)
    return (
      <Main>
        <LazyCodePage
          requested={requested}
          onSignedIn={onSignedIn}
          onRecovery={recover}
          onNewAddress={fillIn}
          onSignIn={start}
        />
      </Main>
    )
  }
  return (
    <Main>
      <LazyOtherPages path={path} />
    </Main>
  )
}
