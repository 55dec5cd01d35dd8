import { useState } from 'preact/hooks'
import type { AccessKey, ListedSession } from '../../shared/api/http'
import { useAuthedRead } from '../../shared/api/inside'
import { text } from '../../shared/i18n/text'
import { KeyList } from '../../shared/keys/KeyList'
import { AuthedPage, AuthedPart } from '../../shared/ui/AuthedPage'
import { browserInWords } from '../../shared/ui/browser'
import { Done } from '../../shared/ui/Done'
import { Empty } from '../../shared/ui/Empty'
import { Notice } from '../../shared/ui/Notice'
import rows from '../../shared/ui/Rows.module.css'
import section from '../../shared/ui/Section.module.css'
import { Subheading } from '../../shared/ui/Subheading'
import { useNextButton } from '../../shared/ui/useNextButton'
import { EndOthers } from './EndOthers'
import { SessionItem } from './SessionItem'

export function SessionsPage() {
  const { read, reload, put } = useAuthedRead('/api/sessions')
  const keys = useAuthedRead('/api/account/access-keys')
  const [done, setDone] = useState<string>()
  const [alone, setAlone] = useState(false)
  const refusals = { not_with_this_store: () => setAlone(true) }
  const { list, removed } = useNextButton()
  // The keys are shown from the beginning; if they cannot be read, the rest is shown.
  const rest = keys.read.requestError ? read : keys.read
  const whole = read.state === 'ready' && rest.state === 'loading' ? rest : read
  const known = keys.read.state === 'ready' ? keys.read.value : undefined
  const accessKeys = known?.access_keys ?? []
  const leftKeys = (access_keys: AccessKey[]) => {
    if (known) keys.put({ ...known, access_keys })
    keys.reload()
  }

  return (
    <AuthedPage title={text('sessions.title')} read={whole} onRetry={reload}>
      {({ complete, sessions }) => {
        const own = sessions.filter(({ current }) => current)
        const others = sessions.filter(({ current }) => !current)
        const left = (place: number, sessions: ListedSession[], words: string) => {
          removed(place)
          setDone(words)
          put({ complete, sessions })
          reload()
        }
        const ended = (session: ListedSession) =>
          left(
            others.indexOf(session),
            sessions.filter((each) => each !== session),
            text('sessions.ended', { browser: browserInWords(session) }),
          )
        const othersEnded = (withKeys: boolean) => {
          left(0, own, text(withKeys ? 'sessions.othersEndedWithKeys' : 'sessions.othersEnded'))
          if (withKeys) leftKeys([])
        }
        return (
          <>
            <Done>{done}</Done>
            {!complete || alone ? (
              <Notice role="status">{text('sessions.incomplete')}</Notice>
            ) : null}
            <ul ref={list} class={rows.card}>
              {[...own, ...others].map((session) => (
                <SessionItem
                  key={session.id}
                  session={session}
                  refusals={refusals}
                  onEnded={() => ended(session)}
                />
              ))}
            </ul>
            {complete && others.length === 0 && !done && (
              <Empty icon="laptop">{text('sessions.only')}</Empty>
            )}
            {others.length > 0 && (
              <EndOthers
                count={others.length}
                keys={accessKeys.length}
                refusals={refusals}
                onEnded={othersEnded}
              />
            )}
            {(!known || accessKeys.length > 0) && (
              <section class={section.section}>
                <Subheading>{text('keys.title')}</Subheading>
                <AuthedPart read={keys.read} onRetry={keys.reload}>
                  {() => (
                    <KeyList
                      keys={accessKeys}
                      onDeleted={({ name }, left) => {
                        setDone(text('keys.deleted', { name }))
                        leftKeys(left)
                      }}
                    />
                  )}
                </AuthedPart>
              </section>
            )}
          </>
        )
      }}
    </AuthedPage>
  )
}
