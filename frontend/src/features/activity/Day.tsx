import type { AccountEvent } from '../../shared/api/http'
import { locale } from '../../shared/i18n/text'
import { browserInWords } from '../../shared/ui/browser'
import { Moment } from '../../shared/ui/Moment'
import styles from './ActivityPage.module.css'
import { happened } from './happened'

interface Props {
  /** At least one, all of the same day. */
  events: AccountEvent[]
}

export function Day({ events }: Props) {
  const date = new Date(events[0]?.at ?? 0).toLocaleDateString(locale(), { dateStyle: 'full' })
  return (
    <section>
      <h2 class={styles.day}>{date}</h2>
      <ul class={styles.events}>
        {events.map((event) => (
          <li key={event.id} class={styles.event}>
            <span class={styles.time}>
              <Moment at={new Date(event.at)} show="clock" />
            </span>
            <div>
              <p>{happened(event)}</p>
              <p class={styles.by}>{by(event)}</p>
            </div>
          </li>
        ))}
      </ul>
    </section>
  )
}

/** Which browser did it and from where, as far as that is known; nothing where no browser did. */
function by(event: AccountEvent): string {
  const browser = event.browser || event.system ? [browserInWords(event)] : []
  return [...browser, ...(event.ip ? [event.ip] : [])].join(' · ')
}
