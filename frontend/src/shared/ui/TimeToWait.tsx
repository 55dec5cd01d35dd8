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

/** When a limit allows another try; it counts down by itself. Not announced: the words beside it are. */
export function TimeToWait({ id, trouble }: Props) {
  const seconds = useCountdown(timeToWait(trouble) ?? 0)
  return (
    <p id={id}>
      <Changing>{seconds === 0 ? text('trouble.over') : untilThen('trouble.again', seconds)}</Changing>
    </p>
  )
}
