import type { RequestError } from '../api/http'
import { timeToWait } from '../api/words'
import { text } from '../i18n/text'
import { Changing } from './Changing'
import { untilThen } from './untilThen'
import { useCountdown } from './useCountdown'

interface Props {
  id?: string | undefined
  requestError: RequestError
}

/**
 * The time until a limit allows another attempt, counting down. It is not announced: the text
 * beside it is.
 */
export function TimeToWait({ id, requestError }: Props) {
  const seconds = useCountdown(timeToWait(requestError) ?? 0)
  return (
    <p id={id}>
      <Changing>{seconds === 0 ? text('error.over') : untilThen('error.again', seconds)}</Changing>
    </p>
  )
}
