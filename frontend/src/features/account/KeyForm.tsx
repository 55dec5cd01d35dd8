import type { TargetedInputEvent, TargetedSubmitEvent } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { isRefusal, post } from '../../shared/api/http'
import { useAuthedWrite } from '../../shared/api/inside'
import { refusalInWords, timeToWait } from '../../shared/api/words'
import { locale, text } from '../../shared/i18n/text'
import type { Keys } from '../../shared/keys/KeyList'
import { Button } from '../../shared/ui/Button'
import { Notice } from '../../shared/ui/Notice'
import section from '../../shared/ui/Section.module.css'
import { SelectField } from '../../shared/ui/SelectField'
import { TextField } from '../../shared/ui/TextField'
import { useLimit, WriteError } from '../../shared/ui/WriteError'

export type NewKey = Awaited<ReturnType<typeof post<'/api/account/access-keys'>>>

interface Props {
  /** At least one. */
  apps: Keys['apps']
  onMade: (key: NewKey) => void
  /** No key was created, or the answer was lost. */
  onError: () => void
  onCancel: () => void
}

/** In days. The server allows up to 365, and its default is 90. */
const lifetimes = [7, 30, 90, 180, 365]

export function KeyForm({ apps, onMade, onError, onCancel }: Props) {
  const [app, setApp] = useState(apps[0]?.id ?? '')
  const [name, setName] = useState('')
  const [days, setDays] = useState('90')
  const [fault, setFault] = useState<string>()
  const writing = useAuthedWrite()
  const limit = useLimit(writing)
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => input.current?.focus(), [])
  const { requestError } = writing
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each error.
  useEffect(() => {
    if (requestError) onError()
  }, [requestError])
  // Waiting does not help with the limit of an account.
  const isFull =
    isRefusal(requestError, 'too_many_requests') && timeToWait(requestError) === undefined

  const refuse = (words: string) => {
    setFault(words)
    input.current?.focus()
  }
  const submit = (event: TargetedSubmitEvent<HTMLFormElement>) => {
    event.preventDefault()
    if (name.trim() === '') return refuse(text('keys.nameEmpty'))
    setFault(undefined)
    return writing.write(
      () => post('/api/account/access-keys', { app, name, days: Number(days) }),
      onMade,
      {
        invalid_name: (problem) => refuse(refusalInWords(problem)),
      },
    )
  }
  return (
    <form class={section.section} noValidate onSubmit={submit}>
      <SelectField
        label={text('keys.app')}
        name="app"
        options={apps.map(({ id, name }) => [id, name])}
        value={app}
        onChoose={setApp}
      />
      <TextField
        label={text('keys.name')}
        hint={text('keys.nameHint')}
        fault={fault}
        inputRef={input}
        input={{
          type: 'text',
          name: 'key-name',
          autocomplete: 'off',
          spellcheck: false,
          readOnly: writing.busy,
          value: name,
          onInput: ({ currentTarget }: TargetedInputEvent<HTMLInputElement>) => {
            setName(currentTarget.value)
            setFault(undefined)
          },
        }}
      />
      <SelectField
        label={text('keys.expiresAfter')}
        name="days"
        options={lifetimes.map((days) => [String(days), daysInWords(days)])}
        value={days}
        onChoose={setDays}
      />
      {isFull ? (
        <Notice role="alert">{text('keys.tooMany')}</Notice>
      ) : (
        <WriteError writing={writing} next={text('error.pressAgain')} waitId={limit.waitId} />
      )}
      <div class={section.actions}>
        <Button
          type="submit"
          look="small"
          busy={writing.busy && text('error.working')}
          {...limit.button}
        >
          {text('keys.create')}
        </Button>
        <Button look="small" onClick={onCancel}>
          {text('action.cancel')}
        </Button>
      </div>
    </form>
  )
}

/** "90 days". */
function daysInWords(days: number): string {
  return days.toLocaleString(locale(), { style: 'unit', unit: 'day', unitDisplay: 'long' })
}
