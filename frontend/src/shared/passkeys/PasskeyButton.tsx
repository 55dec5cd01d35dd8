import { useState } from 'preact/hooks'
import type { CurrentSession } from '../api/http'
import type { Writing } from '../api/useWrite'
import { text } from '../i18n/text'
import { Notice } from '../ui/Notice'
import { WriteButton } from '../ui/WriteButton'
import { provePasskey } from './ceremony'

interface Props {
  writing: Writing
  look: 'main' | 'plain'
  onProved: (answer: CurrentSession) => void
}

/** The button that asks the browser for a passkey. Browsers do not tell why there was none. */
export function PasskeyButton({ writing, look, onProved }: Props) {
  const [isUnused, setUnused] = useState(false)
  const ask = () => {
    setUnused(false)
    return writing.write(provePasskey, (answer) => (answer ? onProved(answer) : setUnused(true)))
  }
  return (
    <>
      {isUnused && <Notice role="status">{text('passkeys.unused')}</Notice>}
      <WriteButton writing={writing} look={look} busy="passkeys.waiting" onClick={ask}>
        {text('passkeys.signIn')}
      </WriteButton>
    </>
  )
}
