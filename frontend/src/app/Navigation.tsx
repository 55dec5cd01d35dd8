import { type Key, text } from '../shared/i18n/text'
import { Icon, type IconName } from '../shared/ui/Icon'
import styles from './Navigation.module.css'

const links: [string, Key, IconName][] = [
  ['/', 'nav.home', 'home'],
  ['/account', 'nav.account', 'user'],
  ['/sessions', 'nav.sessions', 'laptop'],
  ['/activity', 'nav.activity', 'clock'],
]

interface Props {
  path: string
}

export function Navigation({ path }: Props) {
  return (
    <nav class={styles.navigation} aria-label={text('home.title')}>
      {links.map(([href, key, icon]) => (
        <a
          key={href}
          href={href}
          class={styles.link}
          aria-current={href === path ? 'page' : undefined}
        >
          <Icon name={icon} />
          {text(key)}
        </a>
      ))}
    </nav>
  )
}
