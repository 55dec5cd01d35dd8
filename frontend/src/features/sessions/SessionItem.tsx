import { del, type ListedSession } from '../../shared/api/http'
import { useAuthedWrite } from '../../shared/api/inside'
import { repeatUntilAnswered } from '../../shared/api/repeat'
import type { Refusals } from '../../shared/api/useWrite'
import { locale, text } from '../../shared/i18n/text'
import { ago } from '../../shared/ui/ago'
import { Button } from '../../shared/ui/Button'
import { browserInWords, deviceOf } from '../../shared/ui/browser'
import { Changing } from '../../shared/ui/Changing'
import { Icon } from '../../shared/ui/Icon'
import { calendarTime } from '../../shared/ui/Moment'
import rows from '../../shared/ui/Rows.module.css'
import { WriteError } from '../../shared/ui/WriteError'

interface Props {
  session: ListedSession
  refusals: Refusals
  onEnded: () => void
}

export function SessionItem({ session, refusals, onEnded }: Props) {
  const writing = useAuthedWrite(repeatUntilAnswered)
  const used = new Date(session.last_seen_at)
  const when = session.current ? text('sessions.now') : text('sessions.used', { when: ago(used) })
  const browser = browserInWords(session)
  const end = () => writing.write(() => del('/api/sessions/{id}', session.id), onEnded, refusals)
  return (
    <li class={rows.row}>
      <span class={rows.tile}>
        <Icon name={deviceOf(session)} />
      </span>
      <div class={rows.grow}>
        <h2 class={rows.value}>
          {browser}
          {session.current && <span class={rows.pill}>{text('sessions.this')}</span>}
        </h2>
        <p class={rows.key}>
          <time dateTime={session.last_seen_at} title={calendarTime(used)}>
            <Changing>{when}</Changing>
          </time>
          {session.ip && ` · ${session.ip}`}
        </p>
        {session.apps.length > 0 && (
          <p class={rows.key}>
            <Changing>{text('sessions.apps', { apps: inOneLine(session.apps) })}</Changing>
          </p>
        )}
        <WriteError writing={writing} next={text('error.pressAgain')} />
      </div>
      {!session.current && (
        <Button
          look="small"
          name={text('sessions.signOutOf', { browser })}
          busy={writing.busy && text('error.working')}
          onClick={end}
        >
          {text('home.signOut')}
        </Button>
      )}
    </li>
  )
}

/** "Grafana, Wiki". */
function inOneLine(names: string[]): string {
  return new Intl.ListFormat(locale(), { type: 'unit' }).format(names)
}
