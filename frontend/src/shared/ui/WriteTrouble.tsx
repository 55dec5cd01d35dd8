import { useId } from 'preact/hooks'
import { passes } from '../api/retry'
import type { Writing } from '../api/useWrite'
import { timeToWait } from '../api/words'
import { text } from '../i18n/text'
import { TroubleNotice } from './TroubleNotice'
import { useCountdown } from './useCountdown'

interface Props {
  writing: Writing
  /** What to do when another try can help. */
  next: string
  waitId?: string
}

/** Why a write failed; and that it is repeated, or what to do. Nothing while nothing has failed. */
export function WriteTrouble({ writing: { busy, trouble }, next, ...rest }: Props) {
  if (!trouble) return null
  const canHelp = passes(trouble) && timeToWait(trouble) === undefined
  const words = busy ? text('trouble.weRetry') : canHelp && next
  return <TroubleNotice trouble={trouble} next={words || ''} {...rest} />
}

/** Keeps the button of a write off for as long as a limit refuses it. */
export function useLimit({ trouble }: Writing) {
  const waitId = useId()
  const isReached = useCountdown(timeToWait(trouble) ?? 0) > 0
  return { isReached, waitId, button: isReached ? { unavailable: true, describedBy: waitId } : {} }
}
