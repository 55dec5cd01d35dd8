import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import type { Passkey } from '../api/http'
import { useAuthedWrite } from '../api/inside'
import { text } from '../i18n/text'
import { Button } from '../ui/Button'
import { Notice } from '../ui/Notice'
import section from '../ui/Section.module.css'
import { useLimit, WriteError } from '../ui/WriteError'
import { addPasskey, hasPasskeys } from './ceremony'

interface Props {
  onAdded: (passkey: Passkey) => void
  /** Further buttons. */
  children?: ComponentChildren
}

/** The button that adds a passkey; nothing in a browser without passkeys. */
export function AddPasskey({ onAdded, children }: Props) {
  const writing = useAuthedWrite()
  const limit = useLimit(writing)
  const [why, setWhy] = useState<'passkeys.known' | 'passkeys.notAdded'>()
  if (!hasPasskeys()) return null
  const add = () => {
    setWhy(undefined)
    return writing.write(addPasskey, (added) => {
      if (added === 'known') setWhy('passkeys.known')
      else if (added) onAdded(added)
      else setWhy('passkeys.notAdded')
    })
  }
  return (
    <>
      {why && <Notice role="status">{text(why)}</Notice>}
      <WriteError writing={writing} next={text('error.pressAgain')} waitId={limit.waitId} />
      <div class={section.actions}>
        <Button
          look="small"
          busy={writing.busy && text('passkeys.waiting')}
          onClick={add}
          {...limit.button}
        >
          {text('passkeys.add')}
        </Button>
        {children}
      </div>
    </>
  )
}
