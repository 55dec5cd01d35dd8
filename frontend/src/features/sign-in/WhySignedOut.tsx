import type { SignedOut } from '../../shared/api/http'
import { hasText, text } from '../../shared/i18n/text'
import { browserByName } from '../../shared/ui/browser'
import { Moment } from '../../shared/ui/Moment'
import { Notice } from '../../shared/ui/Notice'
import styles from './WhySignedOut.module.css'

interface Props {
  ended: SignedOut
}

/** Shows a returning user why the session was revoked or has expired. */
export function WhySignedOut({ ended: { reason, at, by } }: Props) {
  const why = sentenceOf(reason, by)
  return (
    <Notice role="status">
      <p>{why ?? text('signedOut.unknown')}</p>
      {why && at && (
        <p class={styles.when}>
          <Moment at={new Date(at)} show="day" />
        </p>
      )}
    </Notice>
  )
}

/**
 * The timeouts of sessions are the server's: no text has a number. Later servers may have more
 * reasons.
 */
function sentenceOf(reason: SignedOut['reason'], by: string | undefined): string | undefined {
  const key = `signedOut.${reason}`
  return hasText(key)
    ? text(key, { browser: by ? browserByName(by) : text('signedOut.anotherBrowser') })
    : undefined
}
