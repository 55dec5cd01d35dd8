import { useWrite } from '../../shared/api/useWrite'
import { PasskeyButton } from '../../shared/passkeys/PasskeyButton'

interface Props {
  /** No code was asked for. */
  isMain: boolean
  onProved: () => void
}

/** To step up without a mail. */
export function PasskeyProof({ isMain, onProved }: Props) {
  return <PasskeyButton writing={useWrite()} look={isMain ? 'main' : 'plain'} onProved={onProved} />
}
