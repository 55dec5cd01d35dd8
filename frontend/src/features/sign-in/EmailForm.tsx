import type { TargetedInputEvent, TargetedSubmitEvent } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { type Problem, post } from '../../shared/api/http'
import { useWrite } from '../../shared/api/useWrite'
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
      { invalid_email: (problem: Problem) => refuse(problem.detail) },
    )
  }

  return (
    <form class={styles.form} noValidate onSubmit={submit}>
      <TextField
        label="E-mail address"
        hint="For example ada@example.org"
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
      {trouble && <TroubleNotice trouble={trouble} next="Your address is still here: please press the button again." />}
      <Button type="submit" busy={busy && 'Sending…'}>
        Send me a code
      </Button>
    </form>
  )
}

/** Only what is surely a slip; the server decides what an address is. */
function emailFault(email: string): string | undefined {
  if (email === '') return 'Enter your e-mail address.'
  if (!/^[^@]+@[^@]+$/.test(email)) return 'An e-mail address looks like ada@example.org, with one @ in it.'
  return undefined
}
