import { useId } from 'preact/hooks'
import { text } from '../../shared/i18n/text'
import { Heading } from '../../shared/ui/Heading'
import { AnotherAddress } from './AnotherAddress'
import { CodeForm, type Outcomes } from './CodeForm'
import { Delivery } from './Delivery'
import { Resend, type ResendProps } from './Resend'
import type { Arrival } from './SignInPage'

interface Props extends ResendProps, Outcomes {
  linked: string | undefined
  onSignIn: (arrival: Arrival) => void
}

export function CodeEntry({ linked, received, onSent, onLost, onSignIn, ...outcomes }: Props) {
  const delivery = useId()
  const prefilled = linked !== undefined
  const { pending } = received
  return (
    <>
      <Heading focus={prefilled}>{text('code.title')}</Heading>
      <Delivery id={delivery} received={received} />
      <CodeForm
        key={linked}
        kind={pending.code_kind}
        length={pending.code_length}
        initial={linked ?? ''}
        describedBy={delivery}
        onLost={onLost}
        {...outcomes}
      />
      <Resend received={received} onSent={onSent} onLost={onLost}>
        {text('resend.same')}
      </Resend>
      <AnotherAddress email={pending.email} wrong={pending.delivery_reason === 'no_such_mailbox'} onSignIn={onSignIn} />
    </>
  )
}
