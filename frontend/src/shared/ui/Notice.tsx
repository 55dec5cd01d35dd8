import type { ComponentChildren } from 'preact'
import styles from './Notice.module.css'

interface Props {
  children: ComponentChildren
  /** `alert` interrupts and needs attention; `status` waits its turn. */
  role?: 'alert' | 'status'
  /** Something takes longer, or is not known: nothing is lost, and it passes. */
  warns?: boolean
}

export function Notice({ children, role, warns }: Props) {
  const tone = warns ? styles.warning : role === 'alert' && styles.alert
  return (
    <div role={role} class={`${styles.notice} ${tone || ''}`}>
      {children}
    </div>
  )
}
