import type { ComponentProps } from 'preact'
import { useCallback, useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { type Arrival, SignInPage } from '../features/sign-in/SignInPage'
import type { CodeRequest, SignedOut } from '../shared/api/http'
import { useRead } from '../shared/api/useRead'
import { text } from '../shared/i18n/text'
import { kept } from '../shared/kept'
import { type News, tellOtherTabs, useOtherTabs } from '../shared/tabs'
import { ErrorPage } from '../shared/ui/ErrorPage'
import { Loading } from '../shared/ui/Loading'
import { Main } from './Frame'
import {
  arePagesThere,
  LazyDeletedPage,
  LazyNotYou,
  LazyPasskeySignIn,
  LazySignedInPages,
  LazyTypoHint,
  LazyWhyHere,
  loadPages,
} from './lazyPages'
import { appOf, nextPath } from './next'
import { useRestored } from './useRestored'

interface Props {
  path: string
  arrival: Arrival
  onArrival: (arrival: Arrival) => void
  onCodeRequested: (request: CodeRequest) => void
  /** Continues to the page that required the sign-in. */
  onSignedIn: (() => void) | undefined
  /**
   * Continues to the sign-in form at `/`, and from there back to this page, unless `forGood` is
   * true.
   */
  onNotSignedIn: (forGood: boolean) => void
}

/** The pages of signed-in users, or the sign-in form. */
export function Gate({
  path,
  arrival,
  onArrival,
  onCodeRequested,
  onSignedIn,
  onNotSignedIn,
}: Props) {
  const { read, reload, reset } = useRead('/api/auth/session')
  const [deleted, setDeleted] = useState(false)
  const wasSignedIn = useRef(false)
  if (read.state === 'ready') wasSignedIn.current = true

  /** Hides the user's data at once, whatever the server answers. */
  const leave = useCallback(
    (news: News) => {
      wasSignedIn.current = false
      setDeleted(news === 'account_deleted')
      onArrival({ notice: text('signedOut.byYou') })
      reset()
    },
    [onArrival, reset],
  )
  const leaveEverywhere = (news: News) => {
    tellOtherTabs(news)
    leave(news)
  }
  const passkeyIn = () => {
    tellOtherTabs('signed_in')
    reload()
  }
  useOtherTabs(
    useCallback(
      (news) => {
        if (news === 'signed_in') reload()
        else if (wasSignedIn.current) leave(news)
      },
      [reload, leave],
    ),
  )
  useRestored(read.state === 'ready', reset)

  const isOut =
    deleted || (read.state === 'refused' && read.refusal.problem.code === 'not_signed_in')
  const goesOut = isOut && path !== '/'
  useEffect(() => {
    if (goesOut) onNotSignedIn(deleted)
  }, [goesOut, deleted, onNotSignedIn])

  if (read.state === 'ready' && !deleted) {
    return (
      // State of one user is not kept for another one.
      <LazySignedInPages
        key={read.value.user.id}
        path={path}
        current={read.value}
        stale={read.requestError}
        onArrived={onSignedIn}
        onRecheck={reload}
        onSignedOut={() => leaveEverywhere('signed_out')}
        onDeleted={() => leaveEverywhere('account_deleted')}
      />
    )
  }
  return <Main>{outside()}</Main>

  function outside() {
    if (deleted) return <LazyDeletedPage onDone={() => setDeleted(false)} />
    if (goesOut || read.state === 'ready') return <Loading />
    if (read.state === 'loading') {
      return read.requestError ? (
        <ErrorPage requestError={read.requestError} onRetry={reload} />
      ) : (
        <Loading />
      )
    }
    const { code, signed_out: ended } = read.refusal.problem
    if (code !== 'not_signed_in') return <ErrorPage requestError={read.refusal} onRetry={reload} />
    const led = wasSignedIn.current ? arrivalAfter(ended) : arrivalWith(arrival, ended)
    return (
      <SignIn
        arrival={led}
        stale={read.requestError}
        onCodeRequested={onCodeRequested}
        onSignedIn={passkeyIn}
      />
    )
  }
}

interface SignInProps extends Omit<ComponentProps<typeof SignInPage>, 'app' | 'leadsOn' | 'Hint'> {
  /** A passkey has signed in. */
  onSignedIn: () => void
}

/**
 * The sign-in form, with its destination, the reason why a session was revoked or has expired, and
 * texts for returning users. The form waits for the file of these, so that nothing moves
 * afterwards; without that file it is shown alone.
 */
function SignIn({ onSignedIn, ...props }: SignInProps) {
  const { ended, notice } = props.arrival
  const next = nextPath(location.search)
  const app = appOf(next)
  /** Whether the file could be loaded; undefined until that is known. */
  const [isThere, setThere] = useState<boolean | undefined>(arePagesThere)
  // At once: an effect after the next frame could let the footer appear first, and then move it.
  useLayoutEffect(() => {
    loadPages().then(() => setThere(arePagesThere() ?? false))
  }, [])
  const isLed = ended ?? app
  const isKnown = kept('email')
  if ((isLed || isKnown) && isThere === undefined) return <Loading />
  return (
    <>
      <SignInPage
        {...props}
        app={app}
        leadsOn={!!next && !app && !notice}
        Hint={isThere ? LazyTypoHint : undefined}
        reason={isLed && isThere && <LazyWhyHere ended={ended} app={app} />}
      />
      {isThere && <LazyPasskeySignIn onSignedIn={onSignedIn} />}
      {isThere && isKnown && <LazyNotYou />}
    </>
  )
}

/** For a user who was signed in on this page a moment ago. */
function arrivalAfter(ended: SignedOut | undefined): Arrival {
  if (!ended) return { notice: text('signedOut.unknown') }
  return isNews(ended) ? { ended } : {}
}

/** The reason is dropped once a code was requested, or if the visitor came for another reason. */
function arrivalWith(arrival: Arrival, ended: SignedOut | undefined): Arrival {
  const comesAnew = arrival.notice === undefined && arrival.email === undefined
  return ended && isNews(ended) && comesAnew ? { ended } : arrival
}

/** A user who has signed out is not told about it. */
function isNews(ended: SignedOut): boolean {
  return ended.reason !== 'signed_out'
}
