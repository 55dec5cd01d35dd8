import type { PendingCode, Problem } from '../../shared/api/http'
import { refusalInWords } from '../../shared/api/words'
import { text } from '../../shared/i18n/text'
import { Heading } from '../../shared/ui/Heading'
import { AnotherAddress } from './AnotherAddress'
import type { Arrival } from './SignInPage'

interface Props {
  problem: Problem
  pending: PendingCode
  onSignIn: (arrival: Arrival) => void
}

/**
 * The code was right, but its address has no account and sign-up is closed: another code does not
 * help.
 */
export function SignUpClosed({ problem, pending, onSignIn }: Props) {
  return (
    <>
      <Heading>{text('closed.title')}</Heading>
      <p>
        <strong>{pending.email}</strong>
      </p>
      <p>{refusalInWords(problem)}</p>
      <AnotherAddress pending={pending} isClosed onSignIn={onSignIn} />
    </>
  )
}
