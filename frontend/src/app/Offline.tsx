import { useEffect, useState } from 'preact/hooks'
import { text } from '../shared/i18n/text'
import { Notice } from '../shared/ui/Notice'
import styles from './Offline.module.css'

/**
 * Shows on every page that there is no network, while there is none. Pending requests continue on
 * their own.
 */
export function Offline() {
  const [offline, setOffline] = useState(!navigator.onLine)
  useEffect(() => {
    const look = () => setOffline(!navigator.onLine)
    addEventListener('online', look)
    addEventListener('offline', look)
    return () => {
      removeEventListener('online', look)
      removeEventListener('offline', look)
    }
  }, [])
  return (
    <div role="status" class={styles.offline}>
      {offline && (
        <Notice warns>
          {text('error.offline')} {text('error.weRetry')}
        </Notice>
      )}
    </div>
  )
}
