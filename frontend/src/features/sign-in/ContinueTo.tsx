import { useRef } from 'preact/hooks'
import { useRead } from '../../shared/api/useRead'
import { text } from '../../shared/i18n/text'
import styles from './ContinueTo.module.css'

interface Props {
  /** Of the app that the browser came from. */
  host: string
}

/** Shows the destination of a sign-in: the app's name, as the operator set it. */
export function ContinueTo({ host }: Props) {
  const id = useRef(encodeURIComponent(host))
  const { read } = useRead('/api/apps/{host}', { id })
  return (
    <p class={styles.where}>
      {read.state === 'ready' && text('signIn.continueTo', { app: read.value.name })}
    </p>
  )
}
