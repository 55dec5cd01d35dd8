import { useId } from 'preact/hooks'
import { passes } from '../api/retry'
import type { Writing } from '../api/useWrite'
import { timeToWait } from '../api/words'
import { text } from '../i18n/text'
import { TroubleNotice } from './TroubleNotice'
import { useCountdown } from './useCountdown'

interface Props {
  writing: Writing
  /** The remedy if another attempt can help. */
  next: string
  waitId?: string
}

/** The error of a write, and that it is repeated, or what to do. Nothing if there is no error. */
export function WriteTrouble({ writing: { busy, trouble }, next, ...rest }: Props) {
  if (!trouble) return null
  const canHelp = passes(trouble) && timeToWait(trouble) === undefined
  const words = busy ? text('trouble.weRetry') : canHelp && next
  return <TroubleNotice trouble={trouble} next={words || ''} {...rest} />
}

/** Disables the button of a write while a limit refuses it. */
export function useLimit({ trouble }: Writing) {
  const waitId = useId()
  const isReached = useCountdown(timeToWait(trouble) ?? 0) > 0
  return { isReached, waitId, button: isReached ? { unavailable: true, describedBy: waitId } : {} }
}
