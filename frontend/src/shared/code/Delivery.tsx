import { richText, text } from '../i18n/text'
import { clockTime, Moment } from '../ui/Moment'
import styles from './Delivery.module.css'
import { outcomeOf, outcomes } from './delivery'
import type { Received } from './received'
import { useOnThisClock } from './useTimeLeft'

interface Props {
  id: string
  received: Received
}

/** What became of the mail, and what to do next. It is as high as its longest text, so that nothing below ever moves. */
export function Delivery({ id, received }: Props) {
  const { value: pending } = received
  const { email, delivery } = pending
  const until = useOnThisClock(pending.expires_at, received)
  const outcome = outcomeOf(pending)
  const server = email.slice(email.lastIndexOf('@') + 1)
  return (
    <div class={styles.delivery}>
      <div role="status" id={id}>
        {/* Replaced as a whole when the state changes, as Changing does. */}
        <p key={`${outcome} what`} class={delivery === 'failed' ? styles.failed : ''}>
          {richText(`delivery.${outcome}.what`, { email: <strong class={styles.address}>{email}</strong> })}
        </p>
        <p key={`${outcome} next`} class={styles.next}>
          {richText(`delivery.${outcome}.next`, { server, time: <Moment at={until} show="clock" /> })}
        </p>
      </div>
      {outcomes.map((each) => (
        <div
          key={each}
          aria-hidden="true"
          class={styles.room}
          data-what={text(`delivery.${each}.what`, { email: `\n${email}\n` }).trim()}
          data-next={text(`delivery.${each}.next`, { server, time: clockTime(until) })}
        />
      ))}
    </div>
  )
}
