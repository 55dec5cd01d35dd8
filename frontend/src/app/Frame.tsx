import type { ComponentChildren } from 'preact'
import styles from './Frame.module.css'
import { Mark } from './Mark'
import { Offline } from './Offline'

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
      <Offline />
      <main class={styles.page}>{children}</main>
    </div>
  )
}
