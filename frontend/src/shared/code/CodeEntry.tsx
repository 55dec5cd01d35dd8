import { useId } from 'preact/hooks'
import { text } from '../i18n/text'
import { CodeForm, type Outcomes } from './CodeForm'
import type { Title } from './CodeSteps'
import { Delivery } from './Delivery'
import type { Flow } from './flow'
import { Resend, type ResendProps } from './Resend'

interface Props<Answer> extends ResendProps, Outcomes<Answer> {
  flow: Flow<Answer>
  linked: string | undefined
  title: Title
  action: string
}

export function CodeEntry<Answer>(props: Props<Answer>) {
  const { flow, linked, title: Title, action, received, onVerified, onSpent, ...resend } = props
  const delivery = useId()
  const prefilled = linked !== undefined
  const { pending } = received
  return (
    <>
      <Title focus={prefilled}>{text('code.title')}</Title>
      <Delivery id={delivery} received={received} />
      <CodeForm
        key={linked}
        flow={flow}
        kind={pending.code_kind}
        length={pending.code_length}
        initial={linked ?? ''}
        describedBy={delivery}
        action={action}
        onVerified={onVerified}
        onSpent={onSpent}
        onLost={resend.onLost}
      />
      <Resend received={received} {...resend}>
        {text('resend.same')}
      </Resend>
    </>
  )
}
