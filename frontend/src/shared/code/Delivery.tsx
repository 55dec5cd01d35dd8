import { richText, text } from '../i18n/text'
import { Icon, type IconName } from '../ui/Icon'
import { clockTime, Moment } from '../ui/Moment'
import styles from './Delivery.module.css'
import { type Outcome, outcomeOf } from './delivery'
import type { Received } from './received'
import { useOnThisClock } from './useTimeLeft'

/** The statuses of a successful delivery: space is reserved for the longest text. */
const usual = ['queued', 'sent', 'delivered'] as const

const signs: Partial<Record<Outcome, IconName>> = {
  queued: 'spinner',
  sent: 'spinner',
  delivered: 'check',
  delayed: 'clock',
  provider_late: 'clock',
}

interface Props {
  id: string
  received: Received
}

/**
 * The delivery status of the mail, and what to do next. During a successful delivery nothing below
 * it moves.
 */
export function Delivery({ id, received }: Props) {
  const { value: pending } = received
  const { email, delivery } = pending
  const until = useOnThisClock(pending.expires_at, received)
  const outcome = outcomeOf(pending)
  const server = email.slice(email.lastIndexOf('@') + 1)
  return (
    <div class={styles.delivery}>
      <div role="status" id={id} class={delivery === 'failed' ? styles.failed : ''}>
        {/* Replaced as a whole when the state changes, as Changing does. */}
        <p key={`${outcome} what`} class={styles.what}>
          {richText(`delivery.${outcome}.what`, {
            email: <strong class={styles.address}>{email}</strong>,
          })}
        </p>
        <div key={`${outcome} next`} class={styles.next}>
          <Icon name={signs[outcome] ?? 'alert'} />
          <p>
            {richText(`delivery.${outcome}.next`, {
              server,
              time: <Moment at={until} show="clock" />,
            })}
          </p>
        </div>
      </div>
      {usual.map((each) => (
        <div
          key={each}
          aria-hidden="true"
          class={styles.room}
          data-what={text(`delivery.${each}.what`, { email })}
          data-next={text(`delivery.${each}.next`, { server, time: clockTime(until) })}
        />
      ))}
    </div>
  )
}
