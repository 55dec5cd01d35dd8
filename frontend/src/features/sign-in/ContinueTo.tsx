import { useRef } from 'preact/hooks'
import { useRead } from '../../shared/api/useRead'
import { text } from '../../shared/i18n/text'

interface Props {
  /** Of the app that the browser came from. */
  host: string
}

/** Says where a sign-in leads: to the app by its name, as the operator gave it. */
export function ContinueTo({ host }: Props) {
  const id = useRef(encodeURIComponent(host))
  const { read } = useRead('/api/apps/{host}', { id })
  // The line is there before its words, so that the form does not move.
  return <p>{read.state === 'ready' ? text('signIn.continueTo', { app: read.value.name }) : '\u00a0'}</p>
}
