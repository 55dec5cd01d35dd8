import { useState } from 'preact/hooks'
import { del, type ListedSession } from '../../shared/api/http'
import { useOwnRead, useOwnWrite } from '../../shared/api/inside'
import { repeatUntilAnswered } from '../../shared/api/repeat'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'
import { browserInWords } from '../../shared/ui/browser'
import { Done } from '../../shared/ui/Done'
import { Notice } from '../../shared/ui/Notice'
import { OwnPage } from '../../shared/ui/OwnPage'
import { WriteTrouble } from '../../shared/ui/WriteTrouble'
import { SessionItem } from './SessionItem'
import styles from './SessionsPage.module.css'

export function SessionsPage() {
  const { read, reload, put } = useOwnRead('/api/sessions')
  const writing = useOwnWrite(repeatUntilAnswered)
  const [done, setDone] = useState<string>()
  const [alone, setAlone] = useState(false)
  const refusals = { not_with_this_store: () => setAlone(true) }

  return (
    <OwnPage title={text('sessions.title')} read={read} onRetry={reload}>
      {({ complete, sessions }) => {
        const others = sessions.filter(({ current }) => !current)
        const left = (sessions: ListedSession[], words: string) => {
          setDone(words)
          put({ complete, sessions })
          reload()
        }
        const endOthers = () =>
          writing.write(
            () => del('/api/sessions'),
            () =>
              left(
                sessions.filter(({ current }) => current),
                text('sessions.othersEnded'),
              ),
            refusals,
          )
        const ended = (session: ListedSession) =>
          left(
            sessions.filter((each) => each !== session),
            text('sessions.ended', { browser: browserInWords(session) }),
          )
        return (
          <>
            <ul class={styles.sessions}>
              {[...sessions.filter(({ current }) => current), ...others].map((session) => (
                <SessionItem key={session.id} session={session} refusals={refusals} onEnded={() => ended(session)} />
              ))}
            </ul>
            <Done>{done}</Done>
            {!complete || alone ? <Notice role="status">{text('sessions.incomplete')}</Notice> : null}
            {complete && others.length === 0 && !done && <p class={styles.only}>{text('sessions.only')}</p>}
            <WriteTrouble writing={writing} next={text('trouble.pressAgain')} />
            {others.length > 0 && (
              <Button look="plain" busy={writing.busy && text('trouble.working')} onClick={endOthers}>
                {text('sessions.endOthers')}
              </Button>
            )}
          </>
        )
      }}
    </OwnPage>
  )
}
