import type { ComponentChildren } from 'preact'
import styles from './Notice.module.css'

interface Props {
  children: ComponentChildren
  /** `alert` interrupts and needs attention; `status` does not interrupt. */
  role?: 'alert' | 'status'
  /** A transient problem: something takes longer, or is unknown. */
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
