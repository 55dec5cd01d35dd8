import type { TargetedCompositionEvent, TargetedInputEvent, TargetedSubmitEvent } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { PendingCode, Problem } from '../api/http'
import { repeatUntilAnswered } from '../api/repeat'
import { useWrite } from '../api/useWrite'
import { refusalInWords } from '../api/words'
import { text } from '../i18n/text'
import { Button } from '../ui/Button'
import { TextField } from '../ui/TextField'
import { useLimit, WriteError } from '../ui/WriteError'
import { cleanCode, codeFault } from './code'
import type { Flow } from './flow'
import styles from './form.module.css'
import type { Reading } from './usePendingCode'

/** The possible results of a code. */
export interface Outcomes<Answer> {
  onVerified: (answer: Answer) => void
  /** The code can no longer be used: `problem` says why. */
  onSpent: (problem: Problem) => void
}

interface Props<Answer> extends Outcomes<Answer> {
  flow: Flow<Answer>
  reading: Reading
  pending: PendingCode
  /** From the mail's link; it waits for a press of the button. */
  initial: string
  /** Becomes true when a hidden form is shown; it then takes the focus. */
  isShown: boolean
  describedBy: string
  action: string
  look: 'main' | 'plain'
  onLost: () => void
}

export function CodeForm<Answer>(props: Props<Answer>) {
  const {
    flow,
    reading,
    pending,
    initial,
    isShown,
    describedBy,
    action,
    look,
    onVerified,
    onSpent,
    onLost,
  } = props
  const { code_kind: kind, code_length: length } = pending
  const [code, setCode] = useState(initial)
  const [fault, setFault] = useState<string>()
  const writing = useWrite(repeatUntilAnswered)
  const limit = useLimit(writing)
  const input = useRef<HTMLInputElement>(null)
  const tried = useRef(new Set<string>())
  /** An input method is composing: its text is not final yet. */
  const composing = useRef(false)
  /**
   * After a wrong code, only a typed one is sent automatically: a password manager may fill in one
   * after the other.
   */
  const waitsForTyping = useRef(false)

  useEffect(() => {
    if (initial === '' && isShown) input.current?.focus()
  }, [initial, isShown])

  const refuse = (words: string) => {
    setFault(words)
    input.current?.focus()
    input.current?.select()
  }
  const verify = async (value: string) => {
    const wrong = codeFault(value, kind, length)
    if (wrong) return refuse(wrong)
    tried.current.add(value)
    setFault(undefined)
    // The right code consumes the pending code: until its answer arrives, a missing code means
    // nothing.
    reading.hold()
    let isRight = false
    const succeed = (answer: Answer) => {
      isRight = true
      onVerified(answer)
    }
    await writing.write(() => flow.verify(value, pending), succeed, {
      invalid_code: (problem) => refuse(refusalInWords(problem)),
      wrong_code: (problem) => {
        const { tries_left: count } = problem
        waitsForTyping.current = true
        if (count === 0) return onSpent(problem)
        refuse(count === undefined ? refusalInWords(problem) : text('code.wrong', { count }))
      },
      code_expired: onSpent,
      too_many_tries: onSpent,
      no_pending_code: onLost,
      ...flow.refusals,
    })
    if (!isRight) reading.release()
  }
  const changed = (
    event: TargetedInputEvent<HTMLInputElement> | TargetedCompositionEvent<HTMLInputElement>,
  ) => {
    const { currentTarget } = event
    setFault(undefined)
    if (composing.current) return setCode(currentTarget.value)
    if (isTyped(event)) waitsForTyping.current = false
    const value = cleanCode(currentTarget.value, kind)
    // The state may be unchanged ("123" after "123-"), and would then not be rendered again.
    currentTarget.value = value
    setCode(value)
    const isComplete = codeFault(value, kind, length) === undefined
    const waits = limit.isReached || waitsForTyping.current || tried.current.has(value)
    if (isComplete && !waits) verify(value)
  }
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    if (!composing.current) verify(cleanCode(code, kind))
  }

  return (
    <form class={styles.form} noValidate onSubmit={submit}>
      <TextField
        label={text(`code.label.${kind}`, { length })}
        hint={initial && text('code.hintLinked')}
        fault={fault}
        describedBy={describedBy}
        isCode
        inputRef={input}
        input={{
          type: 'text',
          name: 'code',
          enterKeyHint: 'go',
          size: length,
          inputMode: kind === 'digits' ? 'numeric' : 'text',
          autocomplete: 'one-time-code',
          autocapitalize: kind === 'digits' ? 'off' : 'characters',
          spellcheck: false,
          required: true,
          readOnly: writing.busy,
          value: code,
          onInput: changed,
          onCompositionStart: () => {
            composing.current = true
          },
          onCompositionEnd: (event: TargetedCompositionEvent<HTMLInputElement>) => {
            composing.current = false
            changed(event)
          },
        }}
      />
      <WriteError writing={writing} next={text('error.kept')} waitId={limit.waitId} />
      <Button
        type="submit"
        look={look}
        busy={writing.busy && text('code.checking')}
        {...limit.button}
      >
        {action}
      </Button>
    </form>
  )
}

/** Whether a user has typed or pasted this. Programs that fill in forms create their own events. */
function isTyped(event: InputEvent | CompositionEvent): boolean {
  if (!event.isTrusted) return false
  return (
    event.type === 'compositionend' ||
    ('inputType' in event && !['', 'insertReplacementText'].includes(event.inputType))
  )
}
