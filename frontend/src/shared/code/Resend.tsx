import type { ComponentChildren } from 'preact'
import { useId, useState } from 'preact/hooks'
import type { PendingCode } from '../api/http'
import { useWrite } from '../api/useWrite'
import { text } from '../i18n/text'
import { asTimer } from '../ui/asTimer'
import { Button } from '../ui/Button'
import hidden from '../ui/hidden.module.css'
import { TroubleNotice } from '../ui/TroubleNotice'
import styles from './Resend.module.css'
import { type Received, useSecondsUntil } from './useTimeLeft'

export interface ResendProps {
  received: Received
  send: () => Promise<PendingCode>
  onSent: (pending: PendingCode) => void
  onLost: () => void
}

interface Props extends ResendProps {
  children: ComponentChildren
  look?: 'main' | 'quiet'
}

export function Resend({ children, look = 'quiet', received, send, onSent, onLost }: Props) {
  const seconds = useSecondsUntil(received.pending.resend_at, received)
  const { busy, trouble, write } = useWrite()
  const [asked, setAsked] = useState(false)
  const wait = useId()
  const resend = () =>
    write(
      send,
      (pending) => {
        setAsked(true)
        onSent(pending)
      },
      { no_pending_code: onLost },
    )

  return (
    <div class={styles.resend}>
      <Button
        look={look}
        busy={busy && text('resend.asking')}
        unavailable={seconds > 0}
        describedBy={seconds > 0 ? wait : undefined}
        onClick={resend}
      >
        {children}
      </Button>
      <span id={wait} class={styles.wait}>
        {seconds > 0 && text(look === 'main' ? 'resend.availableIn' : 'resend.in', { timer: asTimer(seconds) })}
      </span>
      <span role="status" class={hidden.hidden}>
        {asked && text('resend.received')}
      </span>
      {trouble && <TroubleNotice trouble={trouble} next={text('trouble.pressAgain')} />}
    </div>
  )
}
