import type { SignedOut } from '../../shared/api/http'
import { hasText, richText, text } from '../../shared/i18n/text'
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
  return hasText(key) ? text(key, { browser: browserInWords(by) }) : undefined
}

/** The server names a browser in English: "Firefox on Linux". */
function browserInWords(by: string | undefined): string {
  if (!by) return text('signedOut.anotherBrowser')
  const [browser = by, system] = by.split(' on ')
  return system ? text('signedOut.browserOn', { browser, system }) : browser
}
