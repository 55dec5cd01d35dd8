import { useCallback, useEffect, useState } from 'preact/hooks'
import { LocationProvider, useLocation } from 'preact-iso'
import { NotFoundPage } from '../features/not-found/NotFoundPage'
import type { Arrival } from '../features/sign-in/SignInPage'
import { CodePageLater } from './CodePageLater'
import { Frame } from './Frame'
import { nextPath, queryFor } from './next'
import { StartPage } from './StartPage'

export function App() {
  return (
    <LocationProvider>
      <Frame>
        <Pages />
      </Frame>
    </LocationProvider>
  )
}

function Pages() {
  const { path, route } = useLocation()
  const [arrival, setArrival] = useState<Arrival>({})

  const next = nextPath(location.search)
  const query = queryFor(next)

  const enterCode = useCallback(
    (email: string) => {
      setArrival({ email })
      route(`/verify${query}`)
    },
    [route, query],
  )
  // Replaced, not pushed: going back to a code that was used or given up would lead nowhere.
  const start = useCallback(
    (arrival: Arrival) => {
      setArrival((last) => ({ ...(last.email ? { email: last.email } : {}), ...arrival }))
      route(`/${query}`, true)
    },
    [route, query],
  )
  // The start page finds out who is signed in, and goes on to where the sign-in was asked for.
  const welcome = useCallback(() => {
    setArrival({})
    route(`/${query}`, true)
  }, [route, query])
  const goOn = useCallback(() => route(next ?? '/', true), [route, next])

  // Whoever asks for a code should not have to wait for the page that takes it.
  useEffect(() => {
    CodePageLater.load()
  }, [])

  if (path === '/') {
    return (
      <StartPage
        arrival={arrival}
        onArrival={setArrival}
        onCodeRequested={enterCode}
        onSignedIn={next ? goOn : undefined}
      />
    )
  }
  if (path === '/verify') return <CodePageLater onSignedIn={welcome} onSignIn={start} />
  return <NotFoundPage />
}
