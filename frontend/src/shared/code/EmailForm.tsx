import type { FunctionComponent, TargetedInputEvent, TargetedSubmitEvent } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { type CodeRequest, isRefusal } from '../api/http'
import type { Refusals, Writing } from '../api/useWrite'
import { refusalInWords } from '../api/words'
import { foldText } from '../fold'
import { text } from '../i18n/text'
import { Button } from '../ui/Button'
import { Notice } from '../ui/Notice'
import { TextField } from '../ui/TextField'
import { useLimit, WriteError } from '../ui/WriteError'
import styles from './form.module.css'

interface Props {
  label: string
  initial: string
  focus: boolean
  /** The `autocomplete` of a page that offers passkeys. */
  autocomplete?: 'username webauthn'
  /** A fault of the address that is known already. */
  initialFault?: string | undefined
  /** Refusals that are shown at the field, besides that of an invalid address. */
  refusals?: (refuse: (words: string) => void) => Refusals
  /** The hint below the field while an address is typed. */
  Hint?: FunctionComponent<HintProps> | undefined
  writing: Writing
  /** Requests a code to the address. */
  send: (email: string) => Promise<CodeRequest>
  onSent: (request: CodeRequest) => void
}

export interface HintProps {
  email: string
  /** Puts another address into the field. */
  onTake: (email: string) => void
}

export function EmailForm({
  label,
  initial,
  focus,
  autocomplete,
  initialFault,
  refusals,
  Hint,
  writing,
  send,
  onSent,
}: Props) {
  const [email, setEmail] = useState(initial)
  const [fault, setFault] = useState(initialFault)
  const { busy, requestError, write } = writing
  const limit = useLimit(writing)
  const blocksCookies = !navigator.cookieEnabled || isRefusal(requestError, 'browser_token_missing')
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
    const folded = foldText(email.trim())
    setEmail(folded)
    const wrong = emailFault(folded)
    if (wrong) return refuse(wrong)
    setFault(undefined)
    return write(() => send(folded), onSent, {
      invalid_email: (problem) => refuse(refusalInWords(problem)),
      ...refusals?.(refuse),
    })
  }

  return (
    <form class={styles.form} noValidate onSubmit={submit}>
      <TextField
        label={label}
        fault={fault}
        below={Hint && <Hint email={email} onTake={setEmail} />}
        inputRef={input}
        input={{
          type: 'email',
          enterKeyHint: 'send',
          name: 'email',
          autocomplete: autocomplete ?? 'email',
          autocapitalize: 'off',
          spellcheck: false,
          required: true,
          readOnly: busy,
          value: email,
          onInput: (event: TargetedInputEvent<HTMLInputElement>) =>
            setEmail(event.currentTarget.value),
        }}
      />
      {blocksCookies ? (
        <Notice role="alert">{text('problem.browser_token_missing')}</Notice>
      ) : (
        <WriteError writing={writing} next={text('error.kept')} waitId={limit.waitId} />
      )}
      <Button type="submit" busy={busy && text('signIn.sending')} {...limit.button}>
        {text('signIn.send')}
      </Button>
    </form>
  )
}

/** Only obvious mistakes; the server decides whether an address is valid. */
function emailFault(email: string): string | undefined {
  if (email === '') return text('signIn.emailEmpty')
  if (!/^[^@]+@[^@]+$/.test(email)) return text('signIn.emailFault')
  return undefined
}
