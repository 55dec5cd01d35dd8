import type { Trouble } from '../api/http'
import { timeToWait } from '../api/words'
import { text } from '../i18n/text'
import { Changing } from './Changing'
import { untilThen } from './untilThen'
import { useCountdown } from './useCountdown'

interface Props {
  id?: string | undefined
  trouble: Trouble
}

/**
 * The time until a limit allows another attempt, counting down. It is not announced: the text
 * beside it is.
 */
export function TimeToWait({ id, trouble }: Props) {
  const seconds = useCountdown(timeToWait(trouble) ?? 0)
  return (
    <p id={id}>
      <Changing>
        {seconds === 0 ? text('trouble.over') : untilThen('trouble.again', seconds)}
      </Changing>
    </p>
  )
}
