import { type CurrentSession, post, type Trouble } from '../../shared/api/http'
import { repeatUntilAnswered } from '../../shared/api/repeat'
import { useWrite } from '../../shared/api/useWrite'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'
import styles from '../../shared/ui/Facts.module.css'
import { Heading } from '../../shared/ui/Heading'
import { Moment } from '../../shared/ui/Moment'
import { TroubleNotice } from '../../shared/ui/TroubleNotice'
import { WriteTrouble } from '../../shared/ui/WriteTrouble'

interface Props {
  current: CurrentSession
  /** Why it is not known whether this is still so. */
  stale: Trouble | undefined
  onSignedOut: () => void
}

export function HomePage({ current: { user, session }, stale, onSignedOut }: Props) {
  const writing = useWrite(repeatUntilAnswered)
  return (
    <>
      <Heading>{text('home.title')}</Heading>
      <dl class={styles.facts}>
        <dt>{text('home.email')}</dt>
        <dd class={styles.who}>{user.email}</dd>
        <dt>{text('home.since')}</dt>
        <dd>
          <Moment at={new Date(session.signed_in_at)} show="calendar" />
        </dd>
      </dl>
      <WriteTrouble writing={writing} next={text('home.stillSignedIn')} />
      <Button
        look="plain"
        busy={writing.busy && text('home.signingOut')}
        onClick={() => writing.write(() => post('/api/auth/sign-out', {}), onSignedOut)}
      >
        {text('home.signOut')}
      </Button>
      {stale && <TroubleNotice role="status" trouble={stale} next={text('trouble.weRetry')} />}
    </>
  )
}
