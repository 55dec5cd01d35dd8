import type { CodeRequest } from '../api/http'
import { richText, text } from '../i18n/text'
import type { Title } from './CodeSteps'
import { Resend } from './Resend'
import type { Requested } from './received'
import { useSecondsUntil } from './useTimeLeft'

interface Props {
  title: Title
  requested: Requested
  /** Requests a code again. */
  send: () => Promise<CodeRequest>
  onSent: (request: CodeRequest) => void
}

/** No code was sent, and this browser has none that works: says so, and when one can be requested. */
export function NoMail({ title: Title, requested, send, onSent }: Props) {
  const { email, resend_at } = requested.value
  const isOver = useSecondsUntil(resend_at, requested) === 0
  return (
    <>
      <Title>{text('noMail.title')}</Title>
      <p>{richText('noMail.why', { email: <strong>{email}</strong> })}</p>
      <p role="status">{text(isOver ? 'noMail.now' : 'noMail.wait')}</p>
      <Resend look="main" received={requested} send={send} onSent={onSent} onLost={() => {}}>
        {text('resend.new')}
      </Resend>
    </>
  )
}
