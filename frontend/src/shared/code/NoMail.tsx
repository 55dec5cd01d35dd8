import type { CodeRequest } from '../api/http'
import { richText, text } from '../i18n/text'
import type { Title } from './CodeSteps'
import { Resend } from './Resend'
import type { Requested } from './received'

interface Props {
  title: Title
  requested: Requested
  /** Requests a code again. */
  send: () => Promise<CodeRequest>
  onSent: (request: CodeRequest) => void
}

/** No code was sent, and this browser has no valid one: says so, and when one can be requested. */
export function NoMail({ title: Title, requested, send, onSent }: Props) {
  return (
    <>
      <Title>{text('noMail.title')}</Title>
      <p>{richText('noMail.why', { email: <strong>{requested.value.email}</strong> })}</p>
      <p>{text('noMail.next')}</p>
      <Resend look="main" received={requested} send={send} onSent={onSent} onLost={() => {}}>
        {text('resend.new')}
      </Resend>
    </>
  )
}
