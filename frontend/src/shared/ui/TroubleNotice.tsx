import type { Trouble } from '../api/http'
import { inWords, reference, timeToWait } from '../api/words'
import { text } from '../i18n/text'
import { Changing } from './Changing'
import { Notice } from './Notice'
import { TimeToWait } from './TimeToWait'

interface Props {
  trouble: Trouble
  /** What happens next, or what to do. */
  next: string
  role?: 'alert' | 'status'
  /** The id of the words that say when a limit allows another try. */
  waitId?: string
}

export function TroubleNotice({ trouble, next, role = 'alert', waitId }: Props) {
  // What is only stale while there is no network is said on every page already.
  if (role === 'status' && !navigator.onLine) return null
  const quote = reference(trouble)
  return (
    <>
      <Notice role={role} warns={role === 'status'}>
        <Changing>
          {[inWords(trouble), next, quote && text('trouble.quote', { reference: quote })].filter(Boolean).join(' ')}
        </Changing>
      </Notice>
      {timeToWait(trouble) !== undefined && <TimeToWait id={waitId} trouble={trouble} />}
    </>
  )
}
