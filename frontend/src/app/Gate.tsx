import type { ComponentProps } from 'preact'
import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import { type Arrival, SignInPage } from '../features/sign-in/SignInPage'
import type { CodeRequest, SignedOut } from '../shared/api/http'
import { useRead } from '../shared/api/useRead'
import { text } from '../shared/i18n/text'
import { kept } from '../shared/kept'
import { type News, tellOtherTabs, useOtherTabs } from '../shared/tabs'
import { Loading } from '../shared/ui/Loading'
import { TroublePage } from '../shared/ui/TroublePage'
import { Main } from './Frame'
import { appOf, nextPath } from './next'
import {
  DeletedPageLater,
  InsideLater,
  loadPages,
  NotYouLater,
  PasskeySignInLater,
  TypoHintLater,
  WhyHereLater,
} from './pagesLater'
import { useRestored } from './useRestored'

interface Props {
  path: string
  arrival: Arrival
  onArrival: (arrival: Arrival) => void
  onCodeRequested: (request: CodeRequest) => void
  /** Goes on to another page, where the sign-in was asked for. */
  onSignedIn: (() => void) | undefined
  /** Goes to the sign-in form, which is at `/`, and from there back to this page, unless that is over `forGood`. */
  onNotSignedIn: (forGood: boolean) => void
}

/** The pages of whoever is signed in; the sign-in form for everybody else. */
export function Gate({ path, arrival, onArrival, onCodeRequested, onSignedIn, onNotSignedIn }: Props) {
  const { read, reload, reset } = useRead('/api/auth/session')
  const [deleted, setDeleted] = useState(false)
  const wasSignedIn = useRef(false)
  if (read.state === 'ready') wasSignedIn.current = true

  /** Nothing of the person stays on the page, from now on, whatever the server answers. */
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

  const isOut = deleted || (read.state === 'refused' && read.refusal.problem.code === 'not_signed_in')
  const goesOut = isOut && path !== '/'
  useEffect(() => {
    if (goesOut) onNotSignedIn(deleted)
  }, [goesOut, deleted, onNotSignedIn])

  if (read.state === 'ready' && !deleted) {
    return (
      // Nothing that one user has begun goes on for another one.
      <InsideLater
        key={read.value.user.id}
        path={path}
        current={read.value}
        stale={read.trouble}
        onArrived={onSignedIn}
        onRecheck={reload}
        onSignedOut={() => leaveEverywhere('signed_out')}
        onDeleted={() => leaveEverywhere('account_deleted')}
      />
    )
  }
  return <Main>{outside()}</Main>

  function outside() {
    if (deleted) return <DeletedPageLater onDone={() => setDeleted(false)} />
    if (goesOut || read.state === 'ready') return <Loading />
    if (read.state === 'loading') {
      return read.trouble ? <TroublePage trouble={read.trouble} onRetry={reload} /> : <Loading />
    }
    const { code, signed_out: ended } = read.refusal.problem
    if (code !== 'not_signed_in') return <TroublePage trouble={read.refusal} onRetry={reload} />
    const led = wasSignedIn.current ? arrivalAfter(ended) : arrivalWith(arrival, ended)
    return <SignIn arrival={led} stale={read.trouble} onCodeRequested={onCodeRequested} onSignedIn={passkeyIn} />
  }
}

interface SignInProps extends Omit<ComponentProps<typeof SignInPage>, 'app' | 'leadsOn' | 'Hint'> {
  /** A passkey has signed in. */
  onSignedIn: () => void
}

/**
 * The sign-in form, with the app that it leads to, the reason why a session ended, and what is for whoever has been here before.
 * The form waits for the file of these, so that nothing moves afterwards; without that file it stands alone.
 */
function SignIn({ onSignedIn, ...props }: SignInProps) {
  const { ended, notice } = props.arrival
  const next = nextPath(location.search)
  const app = appOf(next)
  /** Whether the file could be had; undefined until that is known. */
  const [isThere, setThere] = useState<boolean>()
  useEffect(() => {
    loadPages().then(setThere)
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
        Hint={isThere ? TypoHintLater : undefined}
        reason={isLed && isThere && <WhyHereLater ended={ended} app={app} />}
      />
      {isThere && <PasskeySignInLater onSignedIn={onSignedIn} />}
      {isThere && isKnown && <NotYouLater />}
    </>
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
