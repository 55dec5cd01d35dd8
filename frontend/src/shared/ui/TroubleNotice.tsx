import type { Trouble } from '../api/http'
import { inWords, reference, timeToWait } from '../api/words'
import { text } from '../i18n/text'
import { Notice } from './Notice'
import { TimeToWait } from './TimeToWait'

interface Props {
  trouble: Trouble
  /** What happens next, or what to do. */
  next: string
  role?: 'alert' | 'status'
}

export function TroubleNotice({ trouble, next, role = 'alert' }: Props) {
  // What is only stale while there is no network is said on every page already.
  if (role === 'status' && !navigator.onLine) return null
  const quote = reference(trouble)
  const wait = timeToWait(trouble)
  return (
    <>
      <Notice role={role}>
        {inWords(trouble)} {next}
        {quote && ` ${text('trouble.quote', { reference: quote })}`}
      </Notice>
      {wait && <TimeToWait key={wait.answer} seconds={wait.seconds} />}
    </>
  )
}
