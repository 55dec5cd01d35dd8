import type { SignedOut } from '../../shared/api/http'
import { hasText, richText, text } from '../../shared/i18n/text'
import { browserByName } from '../../shared/ui/browser'
import { Moment } from '../../shared/ui/Moment'
import { Notice } from '../../shared/ui/Notice'

interface Props {
  ended: SignedOut
}

/** Says to whoever comes back why there is no session any more. */
export function WhySignedOut({ ended: { reason, at, by } }: Props) {
  const because = becauseOf(reason, by)
  if (!because) return <Notice role="status">{text('signedOut.unknown')}</Notice>
  if (!at) return <Notice role="status">{text('signedOut.because', { because })}</Notice>
  const when = <Moment at={new Date(at)} show="sentence" />
  return <Notice role="status">{richText('signedOut.becauseAt', { because, when })}</Notice>
}

/** How long a session may last is the server's to know: no text has a number. A later server may know more reasons. */
function becauseOf(reason: SignedOut['reason'], by: string | undefined): string | undefined {
  const key = `signedOut.${reason}`
  return hasText(key) ? text(key, { browser: by ? browserByName(by) : text('signedOut.anotherBrowser') }) : undefined
}
