import type { ComponentChildren } from 'preact'
import styles from './Notice.module.css'

interface Props {
  children: ComponentChildren
  /** `alert` interrupts and needs attention; `status` waits its turn. */
  role?: 'alert' | 'status'
}

export function Notice({ children, role }: Props) {
  return (
    <div role={role} class={`${styles.notice} ${role === 'alert' ? styles.alert : ''}`}>
      {children}
    </div>
  )
}
