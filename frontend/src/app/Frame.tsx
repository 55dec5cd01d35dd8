import type { ComponentChildren } from 'preact'
import styles from './Frame.module.css'
import { Mark } from './Mark'

interface Props {
  children: ComponentChildren
}

export function Frame({ children }: Props) {
  return (
    <div class={styles.frame}>
      <header>
        <a href="/" class={styles.brand}>
          <Mark />
          Sana
        </a>
      </header>
      <main class={styles.page}>{children}</main>
    </div>
  )
}
