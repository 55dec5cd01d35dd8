import styles from './Mark.module.css'

/** Six dots for six digits, the last one just typed. */
export function Mark() {
  return (
    <svg class={styles.mark} viewBox="0 0 26 18" width="26" height="18" aria-hidden="true">
      <circle cx="4" cy="4.5" r="3" />
      <circle cx="13" cy="4.5" r="3" />
      <circle cx="22" cy="4.5" r="3" />
      <circle cx="4" cy="13.5" r="3" />
      <circle cx="13" cy="13.5" r="3" />
      <circle cx="22" cy="13.5" r="3" class={styles.last} />
    </svg>
  )
}
