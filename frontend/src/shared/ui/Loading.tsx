import { useEffect, useState } from 'preact/hooks'
import { text } from '../i18n/text'
import { Changing } from './Changing'
import hidden from './hidden.module.css'
import styles from './Loading.module.css'

const noticeable = 300

/** Nothing for a moment; three empty rows if loading takes longer. */
export function Loading() {
  const [slow, setSlow] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => setSlow(true), noticeable)
    return () => clearTimeout(timer)
  }, [])
  return (
    <div class={`${styles.loading} ${slow ? styles.slow : ''}`}>
      <p role="status" class={hidden.hidden}>
        {slow && <Changing>{text('page.loading')}</Changing>}
      </p>
    </div>
  )
}
