import type { ComponentChildren } from 'preact'
import { useId, useState } from 'preact/hooks'
import type { CodeRequest } from '../api/http'
import { useWrite } from '../api/useWrite'
import { richText, text } from '../i18n/text'
import { asTimer } from '../ui/asTimer'
import { Button } from '../ui/Button'
import { Changing } from '../ui/Changing'
import hidden from '../ui/hidden.module.css'
import { long, untilThen } from '../ui/untilThen'
import { useLimit, WriteError } from '../ui/WriteError'
import styles from './Resend.module.css'
import type { Received } from './received'
import { useSecondsUntil } from './useTimeLeft'

export interface ResendProps {
  /** The answer with the time at which another mail can be sent. */
  received: Received<{ email: string; now: string; resend_at: string }>
  send: () => Promise<CodeRequest>
  onSent: (request: CodeRequest) => void
  onLost: () => void
}

interface Props extends ResendProps {
  children: ComponentChildren
  look?: 'main' | 'quiet'
  /** The result of the last request, if it is to be shown. */
  note?: Note | false
  noteId?: string
}

type Note = 'noMail.codeWorks' | 'noMail.notSent'

/**
 * The button that requests a code, disabled until that is possible. It never sends one without a
 * press.
 */
export function Resend({
  children,
  look = 'quiet',
  received,
  send,
  onSent,
  onLost,
  note,
  noteId,
}: Props) {
  const { email, resend_at } = received.value
  const seconds = useSecondsUntil(resend_at, received)
  const writing = useWrite()
  const limit = useLimit(writing)
  const [asked, setAsked] = useState(false)
  const wait = useId()
  const resend = () =>
    writing.write(
      send,
      (request) => {
        setAsked(request.mail === 'queued')
        onSent(request)
      },
      { no_pending_code: onLost },
    )
  const off = seconds > 0 ? { unavailable: true, describedBy: wait } : limit.button

  return (
    <div class={styles.resend}>
      <Button look={look} busy={writing.busy && text('resend.asking')} onClick={resend} {...off}>
        {children}
      </Button>
      <span id={wait} class={styles.wait}>
        {seconds > 0 && <Changing>{inWords(look, seconds)}</Changing>}
      </span>
      <span role="status" class={hidden.hidden}>
        {asked && <Changing>{text('resend.received')}</Changing>}
      </span>
      <div role="status" id={noteId} class={styles.note}>
        {note && <span key={note}>{richText(note, { email: <strong>{email}</strong> })}</span>}
      </div>
      <WriteError writing={writing} next={text('error.pressAgain')} waitId={limit.waitId} />
    </div>
  )
}

/** A small button has space for a timer only. */
function inWords(look: Props['look'], seconds: number): string {
  if (look === 'quiet' && seconds < long) return text('resend.in', { timer: asTimer(seconds) })
  return untilThen('resend.available', seconds)
}
