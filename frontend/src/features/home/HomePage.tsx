import { type CurrentSession, post, type Trouble } from '../../shared/api/http'
import { useWrite } from '../../shared/api/useWrite'
import { Button } from '../../shared/ui/Button'
import { Heading } from '../../shared/ui/Heading'
import { Moment } from '../../shared/ui/Moment'
import { TroubleNotice } from '../../shared/ui/TroubleNotice'
import styles from './HomePage.module.css'

interface Props {
  current: CurrentSession
  /** Why it is not known whether this is still so. */
  stale: Trouble | undefined
  onSignedOut: () => void
}

export function HomePage({ current: { user, session }, stale, onSignedOut }: Props) {
  const { busy, trouble, write } = useWrite()
  return (
    <>
      <Heading>You are signed in</Heading>
      <dl class={styles.facts}>
        <dt>E-mail address</dt>
        <dd class={styles.who}>{user.email}</dd>
        <dt>Signed in since</dt>
        <dd>
          <Moment at={new Date(session.signed_in_at)} show="calendar" />
        </dd>
      </dl>
      {trouble && <TroubleNotice trouble={trouble} next="You are still signed in: please press the button again." />}
      <Button
        look="plain"
        busy={busy && 'Signing out…'}
        onClick={() => write(() => post('/api/auth/sign-out', {}), onSignedOut)}
      >
        Sign out
      </Button>
      {stale && <TroubleNotice role="status" trouble={stale} next="We keep trying by ourselves." />}
    </>
  )
}
