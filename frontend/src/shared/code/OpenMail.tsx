import { text } from '../i18n/text'
import styles from './OpenMail.module.css'
import { webmailOf } from './webmail'

/** A link to the mailbox, on a desktop and for known providers; a phone has an app for it. */
export function OpenMail({ email }: { email: string }) {
  const known = webmailOf(email)
  if (!known) return null
  return (
    <a class={styles.open} href={known.page} target="_blank" rel="noreferrer">
      {text('code.openMail', { provider: known.provider })}
    </a>
  )
}
