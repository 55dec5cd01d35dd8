import { useEffect, useRef } from 'preact/hooks'
import { post } from '../../shared/api/http'
import { CodeSteps } from '../../shared/code/CodeSteps'
import { useLinkedCode } from '../../shared/code/useLinkedCode'
import { usePendingCode } from '../../shared/code/usePendingCode'
import { text } from '../../shared/i18n/text'
import { Heading } from '../../shared/ui/Heading'
import { Loading } from '../../shared/ui/Loading'
import { TroublePage } from '../../shared/ui/TroublePage'
import { AnotherAddress } from './AnotherAddress'
import { CodeElsewhere } from './CodeElsewhere'
import type { Arrival } from './SignInPage'

interface Props {
  onSignedIn: () => void
  onNewAddress: (code: string) => void
  onSignIn: (arrival: Arrival) => void
}

const flow = {
  verify: (code: string) => post('/api/auth/verify', { code }),
  resend: () => post('/api/auth/code/resend', {}),
}

export function CodePage({ onSignedIn, onNewAddress, onSignIn }: Props) {
  const linked = useLinkedCode()
  const { read, reload, put } = usePendingCode('/api/auth/code')
  const email = useRef<string>(undefined)
  if (read.state === 'ready') email.current = read.value.email

  const nothingPending = read.state === 'refused' && read.refusal.problem.code === 'no_pending_code'
  const isLost = nothingPending && (linked === undefined || email.current !== undefined)
  const lose = () => onSignIn({ notice: text('signIn.lost'), ...(email.current ? { email: email.current } : {}) })
  useEffect(() => {
    if (isLost) lose()
  })

  if (read.state === 'loading') {
    return read.trouble ? <TroublePage trouble={read.trouble} onRetry={reload} /> : <Loading />
  }
  if (read.state === 'ready') {
    return (
      <CodeSteps
        flow={flow}
        pending={read.value}
        receivedAt={read.receivedAt}
        trouble={read.trouble}
        linked={linked}
        title={Heading}
        action={text('code.signIn')}
        onAnswer={put}
        onVerified={onSignedIn}
        onLost={lose}
      >
        <AnotherAddress
          email={read.value.email}
          wrong={read.value.delivery_reason === 'no_such_mailbox'}
          onSignIn={onSignIn}
        />
      </CodeSteps>
    )
  }
  if (isLost) return <Loading />
  if (nothingPending && linked) {
    return (
      <CodeElsewhere code={linked} onSignedIn={onSignedIn} onNewAddress={onNewAddress} onSignIn={() => onSignIn({})} />
    )
  }
  return <TroublePage trouble={read.refusal} onRetry={reload} />
}
