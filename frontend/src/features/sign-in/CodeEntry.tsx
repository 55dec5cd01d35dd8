import { useId } from 'preact/hooks'
import { Heading } from '../../shared/ui/Heading'
import { CodeForm, type Outcomes } from './CodeForm'
import { Delivery } from './Delivery'
import { Resend, type ResendProps } from './Resend'

interface Props extends ResendProps, Outcomes {
  linked: string | undefined
}

export function CodeEntry({ linked, received, onSent, onLost, ...outcomes }: Props) {
  const delivery = useId()
  const prefilled = linked !== undefined
  return (
    <>
      <Heading focus={prefilled}>Enter your code</Heading>
      <Delivery id={delivery} received={received} />
      <CodeForm
        key={linked}
        kind={received.pending.code_kind}
        length={received.pending.code_length}
        initial={linked ?? ''}
        describedBy={delivery}
        onLost={onLost}
        {...outcomes}
      />
      <Resend received={received} onSent={onSent} onLost={onLost}>
        Send the code again
      </Resend>
    </>
  )
}
