import { useId } from 'preact/hooks'
import { text } from '../i18n/text'
import { CodeForm, type Outcomes } from './CodeForm'
import type { Title } from './CodeSteps'
import { Delivery } from './Delivery'
import type { Flow } from './flow'
import { Resend, type ResendProps } from './Resend'
import type { Received } from './received'
import type { Reading } from './usePendingCode'

interface Props<Answer> extends ResendProps, Outcomes<Answer> {
  received: Received
  reading: Reading
  /** No mail was sent for the last request. */
  noMail: boolean
  flow: Flow<Answer>
  linked: string | undefined
  title: Title
  action: string
}

export function CodeEntry<Answer>(props: Props<Answer>) {
  const { flow, reading, noMail, linked, title: Title, action, received, onVerified, onSpent, ...resend } = props
  const delivery = useId()
  const note = useId()
  const prefilled = linked !== undefined
  const { value: pending } = received
  // A code whose mail has failed works too, but it has not arrived.
  const noMailNote = pending.delivery === 'failed' ? 'noMail.notSent' : 'noMail.codeWorks'
  return (
    <>
      <Title focus={prefilled}>{text('code.title')}</Title>
      <Delivery id={delivery} received={received} />
      <CodeForm
        key={linked}
        flow={flow}
        reading={reading}
        pending={pending}
        initial={linked ?? ''}
        describedBy={`${delivery} ${note}`}
        action={action}
        onVerified={onVerified}
        onSpent={onSpent}
        onLost={resend.onLost}
      />
      <Resend received={received} note={noMail && noMailNote} noteId={note} {...resend}>
        {text('resend.same')}
      </Resend>
    </>
  )
}
