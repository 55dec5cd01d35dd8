import { useEffect, useRef, useState } from 'preact/hooks'
import { del, type Passkey, patch } from '../../shared/api/http'
import { useAuthedWrite } from '../../shared/api/inside'
import { repeatUntilAnswered } from '../../shared/api/repeat'
import { locale, text } from '../../shared/i18n/text'
import { ago } from '../../shared/ui/ago'
import { Button } from '../../shared/ui/Button'
import { Changing } from '../../shared/ui/Changing'
import { Icon } from '../../shared/ui/Icon'
import rows from '../../shared/ui/Rows.module.css'
import section from '../../shared/ui/Section.module.css'
import { WriteError } from '../../shared/ui/WriteError'
import { NameForm } from './NameForm'

interface Props {
  passkey: Passkey
  onRenamed: (passkey: Passkey) => void
  onRemoved: () => void
}

export function PasskeyItem({ passkey, onRenamed, onRemoved }: Props) {
  const { id, name, synced, created_at, used_at } = passkey
  const [isNaming, setNaming] = useState<boolean>()
  const writing = useAuthedWrite(repeatUntilAnswered)
  const item = useRef<HTMLLIElement>(null)
  useEffect(() => {
    if (isNaming === false) item.current?.querySelector('button')?.focus()
  }, [isNaming])
  const renamed = (passkey: Passkey) => {
    setNaming(false)
    onRenamed(passkey)
  }
  const used = used_at ? text('keys.used', { when: ago(new Date(used_at)) }) : text('keys.unused')
  const added = new Date(created_at).toLocaleDateString(locale(), { dateStyle: 'long' })
  return (
    <li ref={item} class={rows.row}>
      <span class={rows.tile}>
        <Icon name="key" />
      </span>
      <div class={rows.grow}>
        <h3 class={rows.value}>
          <Changing>{name}</Changing>
        </h3>
        <p class={rows.key}>
          <Changing>{synced ? `${used} · ${text('passkeys.synced')}` : used}</Changing>
        </p>
        <p class={rows.key}>{text('passkeys.addedOn', { date: added })}</p>
        <WriteError writing={writing} next={text('error.pressAgain')} />
        {isNaming && (
          <NameForm
            name={name}
            field="passkey-name"
            save={(name) => patch('/api/account/passkeys/{id}', { name }, id)}
            onSaved={renamed}
            onCancel={() => setNaming(false)}
          />
        )}
      </div>
      {!isNaming && (
        <div class={section.actions}>
          <Button
            look="small"
            name={`${text('passkeys.rename')}: ${name}`}
            onClick={() => setNaming(true)}
          >
            {text('passkeys.rename')}
          </Button>
          <Button
            look="small"
            name={`${text('passkeys.remove')}: ${name}`}
            busy={writing.busy && text('error.working')}
            onClick={() => writing.write(() => del('/api/account/passkeys/{id}', id), onRemoved)}
          >
            {text('passkeys.remove')}
          </Button>
        </div>
      )}
    </li>
  )
}
