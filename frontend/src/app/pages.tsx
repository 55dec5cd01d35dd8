import type { ComponentChildren } from 'preact'
import { useEffect, useMemo, useState } from 'preact/hooks'
import { useLocation } from 'preact-iso'
import { DeletedPage } from '../features/account/DeletedPage'
import { NotFoundPage } from '../features/not-found/NotFoundPage'
import { NotYouPage } from '../features/not-you/NotYouPage'
import { ProofDialog } from '../features/proof/ProofDialog'
import { RecoveryPage } from '../features/recovery/RecoveryPage'
import { CodePage } from '../features/sign-in/CodePage'
import { NotYou } from '../features/sign-in/NotYou'
import { PasskeySignIn } from '../features/sign-in/PasskeySignIn'
import { WhyHere } from '../features/sign-in/WhyHere'
import { type CurrentSession, post, type RequestError } from '../shared/api/http'
import { InsideContext } from '../shared/api/inside'
import { TypoHint } from '../shared/code/TypoHint'
import { tellOtherTabs } from '../shared/tabs'
import { keepFocus } from '../shared/ui/keepFocus'
import { Loading } from '../shared/ui/Loading'
import { restoredLink } from './encodedLink'
import { Foot } from './Foot'
import { Main } from './Frame'
import { Navigation } from './Navigation'
import { signedInPages } from './signedInPages'
import { Visitor } from './Visitor'

export { CodePage, DeletedPage, Foot, NotYou, PasskeySignIn, TypoHint, WhyHere }

interface Props {
  path: string
  current: CurrentSession
  /** The error because of which the data may be out of date. */
  stale: RequestError | undefined
  /** Continues to the page that required the sign-in. */
  onArrived: (() => void) | undefined
  onRecheck: () => void
  onSignedOut: () => void
  onDeleted: () => void
}

export function SignedInPages({
  path,
  current,
  stale,
  onArrived,
  onRecheck,
  onSignedOut,
  onDeleted,
}: Props) {
  /** The action that waits for the step-up, and the time of the user's last sign-in. */
  const provedAt = current.session.signed_in_at
  // An app may require a newer sign-in than this one.
  const [isStale] = useState(location.search.endsWith('&fresh=1'))
  const [waiting, setWaiting] = useState(
    isStale && onArrived ? { goOn: onArrived, provedAt } : undefined,
  )
  const next = isStale ? undefined : onArrived
  useEffect(() => next?.(), [next])
  const inside = useMemo(
    () => ({
      current,
      recheck: onRecheck,
      // The pages are closed even if the server is not reached: they have nothing more to show.
      end: () => {
        post('/api/auth/sign-out', {})
          .catch(() => {})
          .then(onDeleted)
      },
      prove: (goOn: () => void) => setWaiting({ goOn, provedAt }),
    }),
    [current, onRecheck, onDeleted, provedAt],
  )
  useEffect(keepFocus, [])
  const proved = () => {
    setWaiting(undefined)
    tellOtherTabs('signed_in')
    onRecheck()
    waiting?.goOn()
  }

  if (next) {
    return (
      <Main>
        <Loading />
      </Main>
    )
  }
  return (
    <InsideContext.Provider value={inside}>
      <Visitor email={current.user.email} onSignedOut={onSignedOut} />
      <Navigation path={path} />
      <Main>
        {signedInPages.find((page) => page.path === path)?.show({ current, stale, onDeleted })}
      </Main>
      {waiting && (
        <ProofDialog
          email={current.user.email}
          isProvedElsewhere={waiting.provedAt !== provedAt}
          onProved={proved}
          onCancel={() => setWaiting(undefined)}
        />
      )}
    </InsideContext.Provider>
  )
}

/** The pages that need no session and that no form of Sana leads to. */
const openPages: Record<string, () => ComponentChildren> = {
  '/not-you': () => <NotYouPage />,
  '/recovery': () => <RecoveryPage />,
}

export function OtherPages({ path }: { path: string }) {
  const { route } = useLocation()
  const link = restoredLink(path)
  useEffect(() => {
    if (link) route(link, true)
  }, [link, route])

  if (link) return <Loading />
  return openPages[path]?.() ?? <NotFoundPage />
}
