import { Changing } from './Changing'
import styles from './Done.module.css'

interface Props {
  /** What was done; nothing as long as nothing was. */
  children: string | false | undefined
}

/** Says calmly that something was done. Its room is kept, so that nothing moves. */
export function Done({ children }: Props) {
  return (
    <p role="status" class={styles.done}>
      {children && <Changing>{children}</Changing>}
    </p>
  )
}
