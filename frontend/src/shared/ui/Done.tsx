import { Changing } from './Changing'
import styles from './Done.module.css'
import { useUntilNextAction } from './useUntilNextAction'

interface Props {
  /** A description of the completed action; nothing if there is none. */
  children: string | false | undefined
}

/** Confirms an action, until the user does something else. */
export function Done({ children }: Props) {
  const words = useUntilNextAction(children)
  return (
    <p role="status" class={styles.done}>
      {words && <Changing>{words}</Changing>}
    </p>
  )
}
