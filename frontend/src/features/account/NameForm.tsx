import type { TargetedInputEvent, TargetedSubmitEvent } from 'preact'
import { useRef, useState } from 'preact/hooks'
import { type Account, patch } from '../../shared/api/http'
import { useOwnWrite } from '../../shared/api/inside'
import { refusalInWords } from '../../shared/api/words'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'
import { Done } from '../../shared/ui/Done'
import section from '../../shared/ui/Section.module.css'
import { TextField } from '../../shared/ui/TextField'
import { WriteTrouble } from '../../shared/ui/WriteTrouble'

interface Props {
  name: string
  onSaved: (account: Account) => void
}

export function NameForm({ name, onSaved }: Props) {
  /** Absent while the field shows what is saved. */
  const [typed, setTyped] = useState<string>()
  const [fault, setFault] = useState<string>()
  const [saved, setSaved] = useState(false)
  const writing = useOwnWrite()
  const input = useRef<HTMLInputElement>(null)

  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    setSaved(false)
    setFault(undefined)
    const done = (account: Account) => {
      setTyped(undefined)
      setSaved(true)
      onSaved(account)
    }
    return writing.write(() => patch('/api/account', { name: typed ?? name }), done, {
      invalid_name: (problem) => {
        setFault(refusalInWords(problem))
        input.current?.focus()
      },
    })
  }
  const type = ({ currentTarget }: TargetedInputEvent<HTMLInputElement>) => {
    setTyped(currentTarget.value)
    setFault(undefined)
    setSaved(false)
  }

  return (
    <form class={section.section} noValidate onSubmit={submit}>
      <TextField
        label={text('account.name')}
        hint={text('account.nameHint')}
        fault={fault}
        inputRef={input}
        input={{
          type: 'text',
          name: 'name',
          autocomplete: 'name',
          spellcheck: false,
          readOnly: writing.busy,
          value: typed ?? name,
          onInput: type,
        }}
      />
      <WriteTrouble writing={writing} next={text('trouble.pressAgain')} />
      <div class={section.row}>
        <Button type="submit" look="small" busy={writing.busy && text('trouble.working')}>
          {text('account.save')}
        </Button>
        <Done>{saved && text('account.saved')}</Done>
      </div>
    </form>
  )
}
