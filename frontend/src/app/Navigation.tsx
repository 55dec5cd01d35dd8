import { type Key, text } from '../shared/i18n/text'
import styles from './Navigation.module.css'

const links: [string, Key][] = [
  ['/', 'nav.home'],
  ['/account', 'nav.account'],
  ['/sessions', 'nav.sessions'],
  ['/activity', 'nav.activity'],
]

interface Props {
  path: string
}

export function Navigation({ path }: Props) {
  return (
    <nav class={styles.navigation}>
      {links.map(([href, key]) => (
        <a key={href} href={href} class={styles.link} aria-current={href === path ? 'page' : undefined}>
          {text(key)}
        </a>
      ))}
    </nav>
  )
}
