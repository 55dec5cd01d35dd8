import { useMemo, useState } from 'preact/hooks'
import { AccountPage } from '../features/account/AccountPage'
import { DeletedPage } from '../features/account/DeletedPage'
import { ActivityPage } from '../features/activity/ActivityPage'
import { HomePage } from '../features/home/HomePage'
import { NotFoundPage } from '../features/not-found/NotFoundPage'
import { ProofDialog } from '../features/proof/ProofDialog'
import { SessionsPage } from '../features/sessions/SessionsPage'
import { CodePage } from '../features/sign-in/CodePage'
import { WhySignedOut } from '../features/sign-in/WhySignedOut'
import { type CurrentSession, post, type Trouble } from '../shared/api/http'
import { InsideContext } from '../shared/api/inside'
import { tellOtherTabs } from '../shared/tabs'
import { Navigation } from './Navigation'

export { CodePage, DeletedPage, NotFoundPage, WhySignedOut }

interface Props {
  path: string
  current: CurrentSession
  /** Why it is not known whether this is still so. */
  stale: Trouble | undefined
  onRecheck: () => void
  onSignedOut: () => void
  onDeleted: () => void
  /** What the person came for, once they have proved who they are. */
  cameFor: (() => void) | undefined
}

export function InsidePages({ path, current, stale, onRecheck, onSignedOut, onDeleted, cameFor }: Props) {
  const provedAt = current.session.signed_in_at
  /** What waits for the person to prove who they are, and when they last had. */
  const [waiting, setWaiting] = useState(cameFor && { goOn: cameFor, provedAt })
  const inside = useMemo(
    () => ({
      current,
      recheck: onRecheck,
      // The pages are left even if the server is not reached: there is nothing more to see on them.
      end: () => {
        post('/api/auth/sign-out', {})
          .catch(() => {})
          .then(onDeleted)
      },
      prove: (goOn: () => void) => setWaiting({ goOn, provedAt }),
    }),
    [current, onRecheck, onDeleted, provedAt],
  )
  const proved = () => {
    setWaiting(undefined)
    tellOtherTabs('signed_in')
    onRecheck()
    waiting?.goOn()
  }

  return (
    <InsideContext.Provider value={inside}>
      <Navigation path={path} />
      {path === '/' && <HomePage current={current} stale={stale} onSignedOut={onSignedOut} />}
      {path === '/account' && <AccountPage onDeleted={onDeleted} />}
      {path === '/sessions' && <SessionsPage />}
      {path === '/activity' && <ActivityPage />}
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
