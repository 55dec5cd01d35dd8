import styles from './Empty.module.css'
import { Icon, type IconName } from './Icon'

interface Props {
  icon: IconName
  children: string
}

/** Shown in place of an empty list. */
export function Empty({ icon, children }: Props) {
  return (
    <div class={styles.empty}>
      <Icon name={icon} />
      <p>{children}</p>
    </div>
  )
}
