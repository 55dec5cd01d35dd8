import { useContext } from 'preact/hooks'
import { type Account, type CodeRequest, del, post, requestCode } from '../../shared/api/http'
import { InsideContext, useAuthedWrite } from '../../shared/api/inside'
import { repeatUntilAnswered } from '../../shared/api/repeat'
import { CodeSteps } from '../../shared/code/CodeSteps'
import { needsAnotherAddress } from '../../shared/code/delivery'
import type { Flow } from '../../shared/code/flow'
import { useLinkedCode } from '../../shared/code/useLinkedCode'
import type { ReadCode, Reading } from '../../shared/code/usePendingCode'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'
import { StepHeading } from '../../shared/ui/Subheading'
import { WriteError } from '../../shared/ui/WriteError'

interface Props {
  reading: Reading
  received: ReadCode
  /** The request for the code, if it was made on this page. */
  request: CodeRequest | undefined
  onChanged: (account: Account) => void
  onLost: () => void
  /** Back to the form, with the address to correct and its fault. */
  onAnother: (asking: { email: string; fault?: string }) => void
}

/** The form for the code that was sent to the new address. */
export function NewAddressCode({ reading, received, request, onAnother, ...on }: Props) {
  const { recheck } = useContext(InsideContext)
  const cancelling = useAuthedWrite(repeatUntilAnswered)
  const linked = useLinkedCode()
  const { id, email } = received.value
  const flow: Flow<Account> = {
    verify: (code) => post('/api/account/email/verify', { code, email }),
    resend: () => requestCode('/api/account/email/resend', { id }),
    refusals: {
      not_signed_in: recheck,
      email_taken: () => onAnother({ email, fault: text('problem.email_taken') }),
      sign_up_closed: () => onAnother({ email, fault: text('account.domainClosed') }),
    },
  }
  const cancel = () =>
    cancelling.write(
      () => del('/api/account/email', id),
      () => onAnother({ email }),
    )
  return (
    <CodeSteps
      flow={flow}
      reading={reading}
      received={received}
      request={request}
      linked={linked}
      title={StepHeading}
      action={text('address.change')}
      onVerified={on.onChanged}
      onLost={on.onLost}
    >
      <div>
        <Button
          look={needsAnotherAddress(received.value) ? 'main' : 'quiet'}
          busy={cancelling.busy && text('error.working')}
          onClick={cancel}
        >
          {text('address.another')}
        </Button>
        <WriteError writing={cancelling} next={text('error.pressAgain')} />
      </div>
    </CodeSteps>
  )
}
