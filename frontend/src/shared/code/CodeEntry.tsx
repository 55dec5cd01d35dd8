import { useId, useState } from 'preact/hooks'
import { text } from '../i18n/text'
import { Button } from '../ui/Button'
import { CodeForm, type Outcomes } from './CodeForm'
import type { Title } from './CodeSteps'
import { Delivery } from './Delivery'
import { needsAnotherAddress } from './delivery'
import type { Flow } from './flow'
import { OpenMail } from './OpenMail'
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
  const {
    flow,
    reading,
    noMail,
    linked,
    title: Title,
    action,
    received,
    onVerified,
    onSpent,
    ...resend
  } = props
  const delivery = useId()
  const note = useId()
  const prefilled = linked !== undefined
  const { value: pending } = received
  const hasFailed = pending.delivery === 'failed'
  // The remedy comes first. An earlier mail may have brought a code, and a user who types it can
  // continue.
  const [wanted, setWanted] = useState(false)
  const isFolded = hasFailed && !(wanted || prefilled)
  // A code whose mail has failed is valid too, but it has not arrived.
  const noMailNote = hasFailed ? 'noMail.notSent' : 'noMail.codeWorks'
  return (
    <>
      <Title focus={prefilled || isFolded}>{text('code.title')}</Title>
      <Delivery id={delivery} received={received} />
      <div hidden={isFolded} onInput={() => setWanted(true)}>
        <CodeForm
          key={linked}
          flow={flow}
          reading={reading}
          pending={pending}
          initial={linked ?? ''}
          isShown={!isFolded}
          describedBy={`${delivery} ${note}`}
          action={action}
          look={hasFailed ? 'plain' : 'main'}
          onVerified={onVerified}
          onSpent={onSpent}
          onLost={resend.onLost}
        />
      </div>
      {!hasFailed && <OpenMail email={pending.email} />}
      {isFolded && (
        <div>
          <Button look="quiet" onClick={() => setWanted(true)}>
            {text('code.have')}
          </Button>
        </div>
      )}
      <Resend
        look={hasFailed && !needsAnotherAddress(pending) ? 'main' : 'quiet'}
        received={received}
        note={noMail && noMailNote}
        noteId={note}
        {...resend}
      >
        {text('resend.same')}
      </Resend>
    </>
  )
}
