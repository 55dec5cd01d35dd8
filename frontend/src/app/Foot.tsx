import { type Key, locale, text } from '../shared/i18n/text'
import { keep } from '../shared/keep'
import styles from './Foot.module.css'

/** Each in its own language. */
const languages = { en: 'English', de: 'Deutsch', fr: 'Français', es: 'Español', ja: '日本語' }

/** By the names that the server uses in the page's head. */
const links: [string, Key][] = [
  ['help', 'foot.help'],
  ['privacy-policy', 'foot.privacy'],
  ['terms-of-service', 'foot.terms'],
  ['author', 'foot.contact'],
]

/**
 * The operator's links, and the choice of the language of the pages and of the mails that they
 * request.
 */
export function Foot() {
  const choose = (language: string) => {
    keep('language', language)
    location.reload()
  }
  return (
    <footer class={styles.foot}>
      {links.map(([page, key]) => {
        const address = document.querySelector(`link[rel="${page}"]`)?.getAttribute('href')
        return address && <a href={address}>{text(key)}</a>
      })}
      <select
        class={styles.language}
        aria-label={text('foot.language')}
        value={locale().slice(0, 2).toLowerCase()}
        onChange={({ currentTarget }) => choose(currentTarget.value)}
      >
        {Object.entries(languages).map(([tag, name]) => (
          <option key={tag} value={tag} lang={tag}>
            {name}
          </option>
        ))}
      </select>
    </footer>
  )
}
