import type { SignedOut } from '../../shared/api/http'
import { hasText, text } from '../../shared/i18n/text'
import { browserByName } from '../../shared/ui/browser'
import { Moment } from '../../shared/ui/Moment'
import { Notice } from '../../shared/ui/Notice'
import styles from './WhySignedOut.module.css'

interface Props {
  ended: SignedOut
}

/** Says to whoever comes back why there is no session any more. */
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

/** How long a session may last is the server's to know: no text has a number. A later server may know more reasons. */
function sentenceOf(reason: SignedOut['reason'], by: string | undefined): string | undefined {
  const key = `signedOut.${reason}`
  return hasText(key) ? text(key, { browser: by ? browserByName(by) : text('signedOut.anotherBrowser') }) : undefined
}
