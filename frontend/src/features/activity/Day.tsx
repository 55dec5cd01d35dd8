import type { AccountEvent } from '../../shared/api/http'
import { locale, text } from '../../shared/i18n/text'
import { browserInWords } from '../../shared/ui/browser'
import { describeEvent } from '../../shared/ui/describeEvent'
import { Icon, type IconName } from '../../shared/ui/Icon'
import { dayInWords, Moment } from '../../shared/ui/Moment'
import rows from '../../shared/ui/Rows.module.css'
import styles from './ActivityPage.module.css'

interface Props {
  /** At least one, all of the same day. */
  events: AccountEvent[]
}

export function Day({ events }: Props) {
  const day = new Date(events[0]?.at ?? 0)
  return (
    <section>
      <h2 class={styles.day}>
        {dayInWords(day) ?? day.toLocaleDateString(locale(), { dateStyle: 'full' })}
      </h2>
      <ul class={rows.card}>
        {events.map((event) => (
          <li key={event.id} class={`${rows.row} ${styles.event}`}>
            <Icon name={iconOf(event)} />
            <div class={rows.grow}>
              <p>{describeEvent(event)}</p>
              <p class={styles.by}>
                {by(event)}
                {event.kind === 'signed_in' && (
                  <>
                    {' · '}
                    <a href="/sessions">{text('activity.notYou')}</a>
                  </>
                )}
              </p>
            </div>
            <span class={styles.time}>
              <Moment at={new Date(event.at)} show="clock" />
            </span>
          </li>
        ))}
      </ul>
    </section>
  )
}

const icons: Partial<Record<AccountEvent['kind'], IconName>> = {
  account_created: 'user',
  name_changed: 'user',
  email_changed: 'mail',
  signed_in: 'key',
  app_opened: 'globe',
  access_key_made: 'key',
  access_key_ended: 'key',
  blocked: 'alert',
}

function iconOf({ kind }: AccountEvent): IconName {
  return icons[kind] ?? 'clock'
}

/** The browser and its address, or that an administrator did it, as far as known. */
function by(event: AccountEvent): string {
  if (event.by === 'operator') return text('activity.byOperator')
  const browser = event.browser || event.system ? [browserInWords(event)] : []
  return [...browser, ...(event.ip ? [event.ip] : [])].join(' · ')
}
