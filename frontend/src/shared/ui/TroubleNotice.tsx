import type { Trouble } from '../api/http'
import { inWords, reference, timeToWait } from '../api/words'
import { Notice } from './Notice'
import { TimeToWait } from './TimeToWait'

interface Props {
  trouble: Trouble
  /** What happens next, or what to do. */
  next: string
  role?: 'alert' | 'status'
}

export function TroubleNotice({ trouble, next, role = 'alert' }: Props) {
  const quote = reference(trouble)
  const wait = timeToWait(trouble)
  return (
    <>
      <Notice role={role}>
        {inWords(trouble)} {next}
        {quote && ` If it goes on, quote ${quote} when you ask for help.`}
      </Notice>
      {wait && <TimeToWait key={wait.answer} seconds={wait.seconds} />}
    </>
  )
}
