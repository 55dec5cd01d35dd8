import type { ComponentChildren } from 'preact'
import styles from './Frame.module.css'

interface Props {
  children: ComponentChildren
}

/** The place of a page, in the frame that index.html has. */
export function Main({ children }: Props) {
  return <main class={styles.page}>{children}</main>
}
