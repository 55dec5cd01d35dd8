import type { PendingCode } from '../../shared/api/http'
import { Moment } from '../../shared/ui/Moment'
import styles from './Delivery.module.css'
import { onThisClock, type Received } from './useTimeLeft'

const what: Record<PendingCode['delivery'], string> = {
  queued: 'We are sending a code to',
  delayed: 'The mail with the code is late. We are still sending it to',
  sent: 'We sent a code to',
  delivered: 'A code has arrived at',
  failed: 'We could not deliver the mail to',
  held: 'We have not sent another mail yet to',
}

const advice: Partial<typeof what> = {
  failed: 'Check the address, or let us send the code again.',
  held: 'It has got enough codes for now. A code that this browser got before still works; below is when we can send the next one.',
}

interface Props {
  id: string
  received: Received
}

/** Where the code went, what became of the mail, and how long the code works. */
export function Delivery({ id, received }: Props) {
  const { pending } = received
  return (
    <div id={id}>
      <p role="status">
        <span class={pending.delivery === 'failed' ? styles.failed : ''}>{what[pending.delivery]}</span>{' '}
        <strong class={styles.address}>{pending.email}</strong>
      </p>
      <p class={styles.note}>
        {advice[pending.delivery] ?? (
          <>
            It works until <Moment at={onThisClock(pending.expires_at, received)} show="clock" />. No mail? Look in the
            spam folder too.
          </>
        )}
      </p>
    </div>
  )
}
