import { del, type PendingCode } from '../../shared/api/http'
import { repeatUntilAnswered } from '../../shared/api/repeat'
import { useWrite } from '../../shared/api/useWrite'
import { needsAnotherAddress } from '../../shared/code/delivery'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'
import { Changing } from '../../shared/ui/Changing'
import { WriteError } from '../../shared/ui/WriteError'
import type { Arrival } from './SignInPage'

interface Props {
  pending: PendingCode
  /** Sign-up is closed for this address. */
  isClosed?: boolean
  onSignIn: (arrival: Arrival) => void
}

/** Cancels the code and returns to the form, with the address to correct. */
export function AnotherAddress({ pending, isClosed = false, onSignIn }: Props) {
  const { id, email, delivery_reason } = pending
  const wrong = delivery_reason === 'no_such_mailbox'
  const isRemedy = isClosed || needsAnotherAddress(pending)
  const writing = useWrite(repeatUntilAnswered)
  return (
    <div>
      <Button
        look={isRemedy ? 'main' : 'quiet'}
        busy={writing.busy && text('error.working')}
        onClick={() =>
          writing.write(
            () => del('/api/auth/code', id),
            () => onSignIn({ email }),
          )
        }
      >
        <Changing>{text(wrong ? 'address.change' : 'address.another')}</Changing>
      </Button>
      <WriteError writing={writing} next={text('error.pressAgain')} />
    </div>
  )
}
