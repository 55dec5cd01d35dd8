import { useCallback, useEffect, useState } from 'preact/hooks'
import { LocationProvider, useLocation } from 'preact-iso'
import { NotFoundPage } from '../features/not-found/NotFoundPage'
import type { Arrival } from '../features/sign-in/SignInPage'
import { forgetArrival } from '../shared/api/arrival'
import type { CodeRequest } from '../shared/api/http'
import { type Requested, received } from '../shared/code/received'
import { tellOtherTabs } from '../shared/tabs'
import { Frame } from './Frame'
import { Gate } from './Gate'
import { nextPath, queryFor } from './next'
import { Offline } from './Offline'
import { CodePageLater, InsideLater } from './pagesLater'

/** The pages that want somebody who is signed in; the first one is the sign-in form for everybody else. */
const inside = ['/', '/account', '/sessions', '/activity']

export function App() {
  return (
    <LocationProvider>
      <Frame>
        <Offline />
        <Pages />
      </Frame>
    </LocationProvider>
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
  // Replaced, not pushed: going back to a code that was used or cancelled would lead nowhere.
  const start = useCallback(
    (arrival: Arrival) => {
      setRequested(undefined)
      setArrival((last) => ({ ...(last.email ? { email: last.email } : {}), ...arrival }))
      route(`/${query}`, true)
    },
    [route, query],
  )
  // The start page finds out who is signed in, and goes on to where the sign-in was asked for.
  const welcome = useCallback(() => {
    setArrival({})
    setRequested(undefined)
    route(`/${query}`, true)
  }, [route, query])
  const signedIn = useCallback(() => {
    tellOtherTabs('signed_in')
    welcome()
  }, [welcome])
  const goOn = useCallback(() => route(next ?? '/', true), [route, next])

  const signIn = useCallback(
    (forGood: boolean) => route(`/${forGood ? '' : queryFor(location.pathname + location.search)}`, true),
    [route],
  )

  // Nobody should have to wait for the page that comes next.
  useEffect(() => {
    CodePageLater.load()
    InsideLater.load()
  }, [])
  // The pages within have read it by now, if they wanted to.
  useEffect(forgetArrival, [])

  if (inside.includes(path)) {
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
    return <CodePageLater requested={requested} onSignedIn={signedIn} onNewAddress={fillIn} onSignIn={start} />
  }
  return <NotFoundPage />
}
