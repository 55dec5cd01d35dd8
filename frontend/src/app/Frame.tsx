import type { ComponentChildren } from 'preact'
import styles from './Frame.module.css'
import { Offline } from './Offline'
import './Mark.module.css'

interface Props {
  children: ComponentChildren
}

/** What stands around each page, which is in a Main of its own, below the header that index.html has. */
export function Frame({ children }: Props) {
  return (
    <>
      <Offline />
      {children}
    </>
  )
}

export function Main({ children }: Props) {
  return <main class={styles.page}>{children}</main>
}
