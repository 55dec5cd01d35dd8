import { text } from '../shared/i18n/text'
import { Icon } from '../shared/ui/Icon'
import styles from './Navigation.module.css'
import { signedInPages } from './signedInPages'

interface Props {
  path: string
}

export function Navigation({ path }: Props) {
  return (
    <nav class={styles.navigation} aria-label={text('home.title')}>
      {signedInPages.map(({ path: href, label, icon }) => (
        <a
          key={href}
          href={href}
          class={styles.link}
          aria-current={href === path ? 'page' : undefined}
        >
          <Icon name={icon} />
          {text(label)}
        </a>
      ))}
    </nav>
  )
}
