import { useRef } from 'preact/hooks'
import { useRead } from '../../shared/api/useRead'
import { text } from '../../shared/i18n/text'
import styles from './ContinueTo.module.css'

interface Props {
  /** Of the app that the browser came from. */
  host: string
}

/** Says where a sign-in leads: to the app by its name, as the operator gave it. */
export function ContinueTo({ host }: Props) {
  const id = useRef(encodeURIComponent(host))
  const { read } = useRead('/api/apps/{host}', { id })
  return <p class={styles.where}>{read.state === 'ready' && text('signIn.continueTo', { app: read.value.name })}</p>
}
