import { useId } from 'preact/hooks'
import { del, type ListedSession } from '../../shared/api/http'
import { useOwnWrite } from '../../shared/api/inside'
import { repeatUntilAnswered } from '../../shared/api/repeat'
import type { Refusals } from '../../shared/api/useWrite'
import { richText, text } from '../../shared/i18n/text'
import { ago } from '../../shared/ui/ago'
import { Button } from '../../shared/ui/Button'
import { browserInWords } from '../../shared/ui/browser'
import { Moment } from '../../shared/ui/Moment'
import { WriteTrouble } from '../../shared/ui/WriteTrouble'
import styles from './SessionsPage.module.css'

interface Props {
  session: ListedSession
  refusals: Refusals
  onEnded: () => void
}

export function SessionItem({ session, refusals, onEnded }: Props) {
  const writing = useOwnWrite(repeatUntilAnswered)
  const name = useId()
  const used = new Date(session.last_seen_at)
  const since = ago(used)
  const end = () => writing.write(() => del('/api/sessions/{id}', session.id), onEnded, refusals)
  return (
    <li class={styles.session}>
      <div class={styles.head}>
        <h2 id={name} class={styles.name}>
          {browserInWords(session)}
        </h2>
        {session.current ? (
          <span class={styles.current}>{text('sessions.this')}</span>
        ) : (
          <Button look="small" describedBy={name} busy={writing.busy && text('trouble.working')} onClick={end}>
            {text('home.signOut')}
          </Button>
        )}
      </div>
      <p class={styles.facts}>
        {/* Replaced as a whole, as Changing does. */}
        <span key={since}>{richText('sessions.used', { when: since })}</span> (<Moment at={used} show="short" />)
        <br />
        {text('home.since')} <Moment at={new Date(session.signed_in_at)} show="short" />
        <br />
        {session.ip}
      </p>
      <WriteTrouble writing={writing} next={text('trouble.pressAgain')} />
    </li>
  )
}
