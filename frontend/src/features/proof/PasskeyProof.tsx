import { useWrite } from '../../shared/api/useWrite'
import { text } from '../../shared/i18n/text'
import { provePasskey } from '../../shared/passkeys/ceremony'
import { WriteButton } from '../../shared/ui/WriteButton'

interface Props {
  /** No code was asked for. */
  isMain: boolean
  onProved: () => void
}

/** To step up without a mail. */
export function PasskeyProof({ isMain, onProved }: Props) {
  const writing = useWrite()
  return (
    <WriteButton
      writing={writing}
      busy="passkeys.waiting"
      look={isMain ? 'main' : 'plain'}
      onClick={() => writing.write(provePasskey, (answer) => answer && onProved())}
    >
      {text('passkeys.signIn')}
    </WriteButton>
  )
}
