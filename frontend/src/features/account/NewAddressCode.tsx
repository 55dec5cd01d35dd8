import { useContext } from 'preact/hooks'
import { type Account, del, type PendingCode, post } from '../../shared/api/http'
import { InsideContext, useOwnWrite } from '../../shared/api/inside'
import type { Read } from '../../shared/api/useRead'
import { CodeSteps } from '../../shared/code/CodeSteps'
import type { Flow } from '../../shared/code/flow'
import { useLinkedCode } from '../../shared/code/useLinkedCode'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'
import { StepHeading } from '../../shared/ui/Subheading'
import { TroubleNotice } from '../../shared/ui/TroubleNotice'

interface Props {
  read: Extract<Read<PendingCode>, { state: 'ready' }>
  onAnswer: (pending: PendingCode) => void
  onChanged: (account: Account) => void
  onLost: () => void
  /** Back to the form, with the address there to be mended, and what is wrong with it. */
  onAnother: (asking: { email: string; fault?: string }) => void
}

/** The code that was sent to the new address. */
export function NewAddressCode({ read: { value: pending, receivedAt, trouble }, onAnother, ...on }: Props) {
  const { recheck } = useContext(InsideContext)
  const cancelling = useOwnWrite()
  const linked = useLinkedCode()
  const { email } = pending
  const flow: Flow<Account> = {
    verify: (code) => post('/api/account/email/verify', { code }),
    resend: () => post('/api/account/email/resend', {}),
    refusals: {
      not_signed_in: recheck,
      email_taken: () => onAnother({ email, fault: text('problem.email_taken') }),
      sign_up_closed: () => onAnother({ email, fault: text('account.domainClosed') }),
    },
  }
  const cancel = () =>
    cancelling.write(
      () => del('/api/account/email'),
      () => onAnother({ email }),
    )
  return (
    <CodeSteps
      flow={flow}
      pending={pending}
      receivedAt={receivedAt}
      trouble={trouble}
      linked={linked}
      title={StepHeading}
      action={text('address.change')}
      onAnswer={on.onAnswer}
      onVerified={on.onChanged}
      onLost={on.onLost}
    >
      <div>
        <Button look="quiet" busy={cancelling.busy && text('trouble.working')} onClick={cancel}>
          {text('address.another')}
        </Button>
        {cancelling.trouble && <TroubleNotice trouble={cancelling.trouble} next={text('trouble.pressAgain')} />}
      </div>
    </CodeSteps>
  )
}
