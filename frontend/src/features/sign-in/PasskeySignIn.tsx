import { useEffect } from 'preact/hooks'
import type { CurrentSession } from '../../shared/api/http'
import { useWrite } from '../../shared/api/useWrite'
import { text } from '../../shared/i18n/text'
import { keep } from '../../shared/keep'
import { hasPasskeys, offerPasskeys, provePasskey } from '../../shared/passkeys/ceremony'
import { WriteButton } from '../../shared/ui/WriteButton'

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
  const send = (prove: () => Promise<CurrentSession | undefined>) =>
    writing.write(prove, (answer) => {
      if (!answer) return
      keep('email', answer.user.email)
      onSignedIn()
    })
  // The browser is at one ceremony at a time: while the button's is under way, the address field
  // offers none.
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new drawing keeps the offer
  useEffect(() => (busy ? undefined : offerPasskeys(send)), [busy])
  return (
    <WriteButton
      writing={writing}
      look="plain"
      busy="passkeys.waiting"
      onClick={() => send(provePasskey)}
    >
      {text('passkeys.signIn')}
    </WriteButton>
  )
}
