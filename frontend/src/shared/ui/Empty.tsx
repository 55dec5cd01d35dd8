import styles from './Empty.module.css'
import { Icon, type IconName } from './Icon'

interface Props {
  icon: IconName
  children: string
}

/** In place of a list that has nothing in it. */
export function Empty({ icon, children }: Props) {
  return (
    <div class={styles.empty}>
      <Icon name={icon} />
      <p>{children}</p>
    </div>
  )
}
