import type { Recovery } from '../api/http'
import type { Received } from '../code/received'
import { useOnThisClock } from '../code/useTimeLeft'
import { richText } from '../i18n/text'
import { fromNow } from './ago'
import { Changing } from './Changing'
import { Moment } from './Moment'

/** When a recovery ends: how long that is, and the day and time. */
export function RecoveryEnd({ received }: { received: Received<Recovery> }) {
  const end = useOnThisClock(received.value.ends_at, received)
  return (
    <p>
      {richText('recovery.until', {
        time: (
          <strong>
            <Moment at={end} show="calendar" />
          </strong>
        ),
        in: <Changing>{fromNow(end)}</Changing>,
      })}
    </p>
  )
}
