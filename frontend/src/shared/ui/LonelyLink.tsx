import styles from './LonelyLink.module.css'

/** A link outside of sentences, large enough to be hit. */
export function LonelyLink({ href, children }: { href: string; children: string }) {
  return (
    <a href={href} class={styles.link}>
      {children}
    </a>
  )
}
