import { useEffect, useRef } from 'preact/hooks'
import { HomePage } from '../features/home/HomePage'
import { type Arrival, SignInPage } from '../features/sign-in/SignInPage'
import type { SignedOut } from '../shared/api/http'
import { useRead } from '../shared/api/useRead'
import { text } from '../shared/i18n/text'
import { Loading } from '../shared/ui/Loading'
import { TroublePage } from '../shared/ui/TroublePage'

interface Props {
  arrival: Arrival
  onArrival: (arrival: Arrival) => void
  onCodeRequested: (email: string) => void
  /** Goes on to another page, where the sign-in was asked for; else this one is the home page. */
  onSignedIn: (() => void) | undefined
}

/** The home page of whoever is signed in; the sign-in form for everybody else. */
export function StartPage({ arrival, onArrival, onCodeRequested, onSignedIn }: Props) {
  const { read, reload, reset } = useRead('/api/auth/session')
  const wasSignedIn = useRef(false)
  if (read.state === 'ready') wasSignedIn.current = true

  const goesOn = read.state === 'ready' && onSignedIn
  useEffect(() => {
    if (goesOn) goesOn()
  }, [goesOn])

  const signedOut = () => {
    wasSignedIn.current = false
    onArrival({ notice: text('signedOut.byYou') })
    reset()
  }

  if (read.state === 'loading') {
    return read.trouble ? <TroublePage trouble={read.trouble} onRetry={reload} /> : <Loading />
  }
  if (goesOn) return <Loading />
  if (read.state === 'ready') {
    return <HomePage current={read.value} stale={read.trouble} onSignedOut={signedOut} />
  }
  const { code, signed_out: ended } = read.refusal.problem
  if (code !== 'not_signed_in') return <TroublePage trouble={read.refusal} onRetry={reload} />
  return (
    <SignInPage
      arrival={wasSignedIn.current ? arrivalAfter(ended) : arrivalWith(arrival, ended)}
      stale={read.trouble}
      onCodeRequested={onCodeRequested}
    />
  )
}

/** For whoever was signed in on this very page a moment ago. */
function arrivalAfter(ended: SignedOut | undefined): Arrival {
  if (!ended) return { notice: text('signedOut.unknown') }
  return isNews(ended) ? { ended } : {}
}

/** Why the last session ended is past for whoever has asked for a code, and for whoever is here for another reason. */
function arrivalWith(arrival: Arrival, ended: SignedOut | undefined): Arrival {
  const comesAnew = arrival.notice === undefined && arrival.email === undefined
  return ended && isNews(ended) && comesAnew ? { ended } : arrival
}

/** Nobody needs to be told that they have signed out themselves. */
function isNews(ended: SignedOut): boolean {
  return ended.reason !== 'signed_out'
}
