import type { TargetedInputEvent, TargetedSubmitEvent } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { del } from '../../shared/api/http'
import { useAuthedWrite } from '../../shared/api/inside'
import { repeatUntilAnswered } from '../../shared/api/repeat'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'
import section from '../../shared/ui/Section.module.css'
import { Subheading } from '../../shared/ui/Subheading'
import { TextField } from '../../shared/ui/TextField'
import { WriteError } from '../../shared/ui/WriteError'

interface Props {
  email: string
  onDeleted: () => void
}

export function DeleteSection({ email, onDeleted }: Props) {
  const [sure, setSure] = useState<boolean>()
  return (
    <section class={section.section}>
      <Subheading focus={sure === false}>{text('account.delete')}</Subheading>
      <p class={section.soft}>{text('account.deleteText')}</p>
      {sure ? (
        <LastStep email={email} onDeleted={onDeleted} onKeep={() => setSure(false)} />
      ) : (
        <div>
          <Button look="danger" onClick={() => setSure(true)}>
            {text('account.delete')}…
          </Button>
        </div>
      )}
    </section>
  )
}

function LastStep({ email, onDeleted, onKeep }: Props & { onKeep: () => void }) {
  const [typed, setTyped] = useState('')
  const [fault, setFault] = useState<string>()
  const writing = useAuthedWrite(repeatUntilAnswered)
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.focus(), [])

  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    if (typed.trim().toLowerCase() === email.toLowerCase()) {
      writing.write(() => del('/api/account'), onDeleted)
    } else {
      setFault(text('account.deleteWrong'))
      input.current?.focus()
    }
  }
  return (
    <form class={section.section} noValidate onSubmit={submit}>
      <TextField
        label={text('account.deleteConfirm')}
        hint={email}
        fault={fault}
        inputRef={input}
        input={{
          type: 'email',
          name: 'confirmation',
          autocomplete: 'off',
          autocapitalize: 'off',
          spellcheck: false,
          readOnly: writing.busy,
          value: typed,
          onInput: ({ currentTarget }: TargetedInputEvent<HTMLInputElement>) => {
            setTyped(currentTarget.value)
            setFault(undefined)
          },
        }}
      />
      <WriteError writing={writing} next={text('error.pressAgain')} />
      <Button type="submit" look="grave" busy={writing.busy && text('error.working')}>
        {text('account.deleteNow')}
      </Button>
      <Button look="plain" onClick={onKeep}>
        {text('action.cancel')}
      </Button>
    </form>
  )
}
