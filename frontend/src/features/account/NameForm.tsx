import type { TargetedInputEvent, TargetedSubmitEvent } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useAuthedWrite } from '../../shared/api/inside'
import { refusalInWords } from '../../shared/api/words'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'
import { Done } from '../../shared/ui/Done'
import section from '../../shared/ui/Section.module.css'
import { TextField } from '../../shared/ui/TextField'
import { WriteError } from '../../shared/ui/WriteError'

interface Props<Named> {
  name: string
  /** Of the field, for the browser. */
  field: string
  hint?: string
  save: (name: string) => Promise<Named>
  onSaved: (named: Named) => void
  /** Closes a form that was opened for the name; it takes the focus. */
  onCancel?: () => void
}

export function NameForm<Named>({ name, field, hint = '', save, onSaved, onCancel }: Props<Named>) {
  /** Absent while the field shows what is saved. */
  const [typed, setTyped] = useState<string>()
  const [fault, setFault] = useState<string>()
  const [saved, setSaved] = useState(false)
  const writing = useAuthedWrite()
  const input = useRef<HTMLInputElement>(null)
  const isOpened = onCancel !== undefined
  useEffect(() => {
    if (isOpened) input.current?.select()
  }, [isOpened])

  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    setSaved(false)
    setFault(undefined)
    const done = (named: Named) => {
      setTyped(undefined)
      setSaved(true)
      onSaved(named)
    }
    return writing.write(() => save(typed ?? name), done, {
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
        hint={hint}
        fault={fault}
        inputRef={input}
        input={{
          type: 'text',
          name: field,
          autocomplete: isOpened ? 'off' : 'name',
          spellcheck: false,
          readOnly: writing.busy,
          value: typed ?? name,
          onInput: type,
        }}
      />
      <WriteError writing={writing} next={text('error.pressAgain')} />
      <div class={isOpened ? section.actions : section.row}>
        <Button type="submit" look="small" busy={writing.busy && text('error.working')}>
          {text('account.save')}
        </Button>
        {onCancel ? (
          <Button look="small" onClick={onCancel}>
            {text('action.cancel')}
          </Button>
        ) : (
          <Done>{saved && text('account.saved')}</Done>
        )}
      </div>
    </form>
  )
}
