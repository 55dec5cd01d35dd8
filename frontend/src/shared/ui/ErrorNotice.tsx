import type { RequestError } from '../api/http'
import { inWords, reference, timeToWait } from '../api/words'
import { text } from '../i18n/text'
import { Changing } from './Changing'
import { Notice } from './Notice'
import { TimeToWait } from './TimeToWait'

interface Props {
  requestError: RequestError
  /** The next step of the page or the user. */
  next: string
  role?: 'alert' | 'status'
  /** The id of the text that says when a limit allows another attempt. */
  waitId?: string
}

export function ErrorNotice({ requestError, next, role = 'alert', waitId }: Props) {
  // Every page already shows that there is no network.
  if (role === 'status' && !navigator.onLine) return null
  const quote = reference(requestError)
  return (
    <>
      <Notice role={role} warns={role === 'status'}>
        <Changing>
          {[inWords(requestError), next, quote && text('error.quote', { reference: quote })]
            .filter(Boolean)
            .join(' ')}
        </Changing>
      </Notice>
      {timeToWait(requestError) !== undefined && (
        <TimeToWait id={waitId} requestError={requestError} />
      )}
    </>
  )
}
