import { useEffect, useState } from 'preact/hooks'
import { text } from '../i18n/text'
import { Changing } from './Changing'
import styles from './Loading.module.css'

const noticeable = 300

/** Nothing for a moment; a calm sign when it takes longer. */
export function Loading() {
  const [slow, setSlow] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), noticeable)
    return () => clearTimeout(timer)
  }, [])
  return (
    <p role="status" class={styles.loading}>
      {slow && <Changing>{text('page.loading')}</Changing>}
    </p>
  )
}
