import { useId } from 'preact/hooks'
import { isTransient } from '../api/retry'
import type { Writing } from '../api/useWrite'
import { timeToWait } from '../api/words'
import { text } from '../i18n/text'
import { ErrorNotice } from './ErrorNotice'
import { useCountdown } from './useCountdown'

interface Props {
  writing: Writing
  /** The remedy if another attempt can help. */
  next: string
  waitId?: string
}

/** The error of a write, and that it is repeated, or what to do. Nothing if there is no error. */
export function WriteError({ writing: { busy, requestError }, next, ...rest }: Props) {
  if (!requestError) return null
  const canHelp = isTransient(requestError) && timeToWait(requestError) === undefined
  const words = busy ? text('error.weRetry') : canHelp && next
  return <ErrorNotice requestError={requestError} next={words || ''} {...rest} />
}

/** Disables the button of a write while a limit refuses it. */
export function useLimit({ requestError }: Writing) {
  const waitId = useId()
  const isReached = useCountdown(timeToWait(requestError) ?? 0) > 0
  return { isReached, waitId, button: isReached ? { unavailable: true, describedBy: waitId } : {} }
}
