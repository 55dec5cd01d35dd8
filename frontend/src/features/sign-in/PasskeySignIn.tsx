import { useEffect } from 'preact/hooks'
import type { CurrentSession } from '../../shared/api/http'
import { useWrite } from '../../shared/api/useWrite'
import { keep } from '../../shared/keep'
import { hasPasskeys, offerPasskeys } from '../../shared/passkeys/ceremony'
import { PasskeyButton } from '../../shared/passkeys/PasskeyButton'

interface Props {
  onSignedIn: () => void
}

/** The way in without a mail; nothing for a browser without passkeys. */
export function PasskeySignIn(props: Props) {
  return hasPasskeys() ? <Offer {...props} /> : null
}

function Offer({ onSignedIn }: Props) {
  const writing = useWrite()
  const { busy } = writing
  const enter = ({ user }: CurrentSession) => {
    keep('email', user.email)
    onSignedIn()
  }
  // The browser is at one ceremony at a time: while the button's is under way, the address field
  // offers none.
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new drawing keeps the offer
  useEffect(() => (busy ? undefined : offerPasskeys((send) => writing.write(send, enter))), [busy])
  return <PasskeyButton writing={writing} look="plain" onProved={enter} />
}
