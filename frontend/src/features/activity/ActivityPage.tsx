import { useEffect, useState } from 'preact/hooks'
import { type AccountEvent, type Answer, getEventsBefore } from '../../shared/api/http'
import { useAuthedRead, useAuthedWrite } from '../../shared/api/inside'
import { text } from '../../shared/i18n/text'
import { AuthedPage } from '../../shared/ui/AuthedPage'
import { Button } from '../../shared/ui/Button'
import { Empty } from '../../shared/ui/Empty'
import { ErrorNotice } from '../../shared/ui/ErrorNotice'
import styles from './ActivityPage.module.css'
import { Day } from './Day'
import { byDay } from './days'

type Page = Answer<'/api/account/events'>

export function ActivityPage() {
  const { read, reload } = useAuthedRead('/api/account/events')
  const { busy, requestError, write } = useAuthedWrite()
  const [known, setKnown] = useState<Page>()
  const newest = read.state === 'ready' ? read.value : undefined
  // Events that were read stay valid: new events are only added at the front.
  useEffect(() => {
    if (newest)
      setKnown((known) =>
        known ? { ...known, events: joined(newest.events, known.events) } : newest,
      )
  }, [newest])

  const more = (next: string) =>
    write(
      () => getEventsBefore(next),
      (older) =>
        setKnown((known) => ({ ...older, events: joined(known?.events ?? [], older.events) })),
    )
  return (
    <AuthedPage title={text('nav.activity')} read={read} onRetry={reload}>
      {(first) => {
        const { events, next } = known ?? first
        return (
          <>
            {events.length > 0 ? (
              <p class={styles.intro}>{text('activity.intro')}</p>
            ) : (
              <Empty icon="clock">{text('activity.none')}</Empty>
            )}
            {byDay(events).map((events) => (
              <Day key={events[0]?.id} events={events} />
            ))}
            {requestError && (
              <ErrorNotice requestError={requestError} next={text('error.pressAgain')} />
            )}
            {next && (
              <Button look="plain" busy={busy && text('page.loading')} onClick={() => more(next)}>
                {text('activity.more')}
              </Button>
            )}
          </>
        )
      }}
    </AuthedPage>
  )
}

/** Both, newest first, without those of `older` that are in `newer` too. */
function joined(newer: AccountEvent[], older: AccountEvent[]): AccountEvent[] {
  const ids = new Set(newer.map(({ id }) => id))
  return [...newer, ...older.filter(({ id }) => !ids.has(id))]
}
