import { useEffect, useRef, useState } from 'preact/hooks'
import { del, type ListedSession } from '../../shared/api/http'
import { useOwnRead, useOwnWrite } from '../../shared/api/inside'
import { repeatUntilAnswered } from '../../shared/api/repeat'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'
import { browserInWords } from '../../shared/ui/browser'
import { Done } from '../../shared/ui/Done'
import { Empty } from '../../shared/ui/Empty'
import { Notice } from '../../shared/ui/Notice'
import { OwnPage } from '../../shared/ui/OwnPage'
import rows from '../../shared/ui/Rows.module.css'
import section from '../../shared/ui/Section.module.css'
import { Subheading } from '../../shared/ui/Subheading'
import { WriteTrouble } from '../../shared/ui/WriteTrouble'
import { SessionItem } from './SessionItem'

export function SessionsPage() {
  const { read, reload, put } = useOwnRead('/api/sessions')
  const writing = useOwnWrite(repeatUntilAnswered)
  const [done, setDone] = useState<string>()
  const [alone, setAlone] = useState(false)
  const [sure, setSure] = useState(false)
  const refusals = { not_with_this_store: () => setAlone(true) }
  const list = useRef<HTMLUListElement>(null)
  /** The place in the list of the session whose button is gone with it. */
  const gone = useRef<number>(undefined)
  useEffect(() => {
    if (gone.current === undefined) return
    const buttons = list.current?.querySelectorAll('button') ?? []
    const next = buttons[Math.min(gone.current, buttons.length - 1)]
    gone.current = undefined
    ;(next ?? document.querySelector('h1'))?.focus()
  })

  return (
    <OwnPage title={text('sessions.title')} read={read} onRetry={reload}>
      {({ complete, sessions }) => {
        const others = sessions.filter(({ current }) => !current)
        const left = (place: number, sessions: ListedSession[], words: string) => {
          gone.current = place
          setSure(false)
          setDone(words)
          put({ complete, sessions })
          reload()
        }
        const endOthers = () =>
          writing.write(
            () => del('/api/sessions'),
            () =>
              left(
                0,
                sessions.filter(({ current }) => current),
                text('sessions.othersEnded'),
              ),
            refusals,
          )
        const ended = (session: ListedSession) =>
          left(
            others.indexOf(session),
            sessions.filter((each) => each !== session),
            text('sessions.ended', { browser: browserInWords(session) }),
          )
        return (
          <>
            <Done>{done}</Done>
            {!complete || alone ? <Notice role="status">{text('sessions.incomplete')}</Notice> : null}
            <ul ref={list} class={rows.card}>
              {[...sessions.filter(({ current }) => current), ...others].map((session) => (
                <SessionItem key={session.id} session={session} refusals={refusals} onEnded={() => ended(session)} />
              ))}
            </ul>
            {complete && others.length === 0 && !done && <Empty icon="laptop">{text('sessions.only')}</Empty>}
            {others.length > 0 && !sure && (
              <div>
                <Button look="danger" onClick={() => setSure(true)}>
                  {text('sessions.endOthers')}
                </Button>
              </div>
            )}
            {others.length > 0 && sure && (
              <section class={section.section}>
                <Subheading focus>{text('sessions.endOthersSure', { count: others.length })}</Subheading>
                <WriteTrouble writing={writing} next={text('trouble.pressAgain')} />
                <div class={section.actions}>
                  <Button look="danger" busy={writing.busy && text('trouble.working')} onClick={endOthers}>
                    {text('home.signOut')}
                  </Button>
                  <Button
                    look="small"
                    onClick={() => {
                      gone.current = others.length
                      setSure(false)
                    }}
                  >
                    {text('action.cancel')}
                  </Button>
                </div>
              </section>
            )}
          </>
        )
      }}
    </OwnPage>
  )
}
