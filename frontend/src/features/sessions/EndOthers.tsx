import { useEffect, useRef, useState } from 'preact/hooks'
import { del } from '../../shared/api/http'
import { useAuthedWrite } from '../../shared/api/inside'
import { repeatUntilAnswered } from '../../shared/api/repeat'
import type { Refusals } from '../../shared/api/useWrite'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'
import { Changing } from '../../shared/ui/Changing'
import section from '../../shared/ui/Section.module.css'
import { Subheading } from '../../shared/ui/Subheading'
import { WriteError } from '../../shared/ui/WriteError'

interface Props {
  /** The number of other devices, at least one. */
  count: number
  /** The number of access keys; deleting them is offered if there are any. */
  keys: number
  refusals: Refusals
  onEnded: (withKeys: boolean) => void
}

/** Asks before all other devices are signed out. */
export function EndOthers({ count, keys, refusals, onEnded }: Props) {
  const [isSure, setSure] = useState<boolean>()
  /** Whether the last press included the keys. */
  const [withKeys, setWithKeys] = useState(false)
  const writing = useAuthedWrite(repeatUntilAnswered)
  const end = (withKeys: boolean) => {
    setWithKeys(withKeys)
    const call = () => del(withKeys ? '/api/sessions?access_keys=true' : '/api/sessions')
    return writing.write(call, () => onEnded(withKeys), refusals)
  }
  const opener = useRef<HTMLDivElement>(null)
  useEffect(() => {
    if (isSure === false) opener.current?.querySelector('button')?.focus()
  }, [isSure])

  if (!isSure) {
    return (
      <div ref={opener}>
        <Button look="danger" onClick={() => setSure(true)}>
          {text('sessions.endOthers')}
        </Button>
      </div>
    )
  }
  return (
    <section class={section.section}>
      <Subheading focus>{text('sessions.endOthersSure', { count })}</Subheading>
      <WriteError writing={writing} next={text('error.pressAgain')} />
      <div class={section.actions}>
        <Button
          look="danger"
          busy={writing.busy && !withKeys && text('error.working')}
          onClick={() => end(false)}
        >
          {text('home.signOut')}
        </Button>
        {keys > 0 && (
          <Button
            look="danger"
            busy={writing.busy && withKeys && text('error.working')}
            onClick={() => end(true)}
          >
            <Changing>{text('sessions.endWithKeys', { count: keys })}</Changing>
          </Button>
        )}
        <Button look="small" onClick={() => setSure(false)}>
          {text('action.cancel')}
        </Button>
      </div>
    </section>
  )
}
