import { type CurrentSession, post, type Trouble } from '../../shared/api/http'
import { repeatUntilAnswered } from '../../shared/api/repeat'
import { useRead } from '../../shared/api/useRead'
import { useWrite } from '../../shared/api/useWrite'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'
import { Changing } from '../../shared/ui/Changing'
import styles from '../../shared/ui/Facts.module.css'
import { Heading } from '../../shared/ui/Heading'
import { Moment } from '../../shared/ui/Moment'
import { Subheading } from '../../shared/ui/Subheading'
import { TroubleNotice } from '../../shared/ui/TroubleNotice'
import { WriteTrouble } from '../../shared/ui/WriteTrouble'
import apps from './HomePage.module.css'

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
        <dd class={styles.who}>
          <Changing>{user.email}</Changing>
        </dd>
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
      <Apps />
    </>
  )
}

/** The apps that this person may open; nothing where there are none, and where it is not known yet. Last, so that nothing moves. */
function Apps() {
  const { read } = useRead('/api/apps')
  if (read.state !== 'ready' || read.value.apps.length === 0) return null
  return (
    <section class={apps.apps}>
      <Subheading>{text('home.apps')}</Subheading>
      <ul class={apps.list}>
        {read.value.apps.map(({ id, name, host }) => (
          <li key={id}>
            {host ? <a href={`${location.protocol}//${host}/`}>{name}</a> : name}
            {host && <span class={apps.host}>{host}</span>}
          </li>
        ))}
      </ul>
    </section>
  )
}
