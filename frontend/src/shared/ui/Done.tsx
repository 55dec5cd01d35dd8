import { Changing } from './Changing'
import styles from './Done.module.css'
import { useUntilNextAction } from './useUntilNextAction'

interface Props {
  /** What was done; nothing as long as nothing was. */
  children: string | false | undefined
}

/** Says calmly that something was done, until the person does something else. */
export function Done({ children }: Props) {
  const words = useUntilNextAction(children)
  return (
    <p role="status" class={styles.done}>
      {words && <Changing>{words}</Changing>}
    </p>
  )
}
