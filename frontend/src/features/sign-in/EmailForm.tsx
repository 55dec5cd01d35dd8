import type { TargetedInputEvent, TargetedSubmitEvent } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { post } from '../../shared/api/http'
import { useWrite } from '../../shared/api/useWrite'
import { refusalInWords } from '../../shared/api/words'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'
import { TextField } from '../../shared/ui/TextField'
import { TroubleNotice } from '../../shared/ui/TroubleNotice'
import styles from './form.module.css'

interface Props {
  initial: string
  focus: boolean
  onCodeRequested: (email: string) => void
}

export function EmailForm({ initial, focus, onCodeRequested }: Props) {
  const [email, setEmail] = useState(initial)
  const [fault, setFault] = useState<string>()
  const { busy, trouble, write } = useWrite()
  const input = useRef<HTMLInputElement>(null)

  useEffect(() => {
    if (!focus) return
    input.current?.focus()
    input.current?.select()
  }, [focus])

  const refuse = (words: string) => {
    setFault(words)
    input.current?.focus()
  }
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    const wrong = emailFault(email)
    if (wrong) return refuse(wrong)
    setFault(undefined)
    return write(
      () => post('/api/auth/code', { email }),
      (pending) => onCodeRequested(pending.email),
      { invalid_email: (problem) => refuse(refusalInWords(problem)) },
    )
  }

  return (
    <form class={styles.form} noValidate onSubmit={submit}>
      <TextField
        label={text('signIn.email')}
        hint={text('signIn.emailHint')}
        fault={fault}
        inputRef={input}
        input={{
          type: 'email',
          name: 'email',
          autocomplete: 'email',
          autocapitalize: 'off',
          spellcheck: false,
          required: true,
          readOnly: busy,
          value: email,
          onInput: (event: TargetedInputEvent<HTMLInputElement>) => setEmail(event.currentTarget.value),
        }}
      />
      {trouble && <TroubleNotice trouble={trouble} next={text('signIn.kept')} />}
      <Button type="submit" busy={busy && text('signIn.sending')}>
        {text('signIn.send')}
      </Button>
    </form>
  )
}

/** Only what is surely a slip; the server decides what an address is. */
function emailFault(email: string): string | undefined {
  if (email === '') return text('signIn.emailEmpty')
  if (!/^[^@]+@[^@]+$/.test(email)) return text('signIn.emailFault')
  return undefined
}
