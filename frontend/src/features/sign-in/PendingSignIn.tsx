import { useEffect, useRef, useState } from 'preact/hooks'
import type { Problem } from '../../shared/api/http'
import { CodeSteps } from '../../shared/code/CodeSteps'
import { codeOf, type Requested } from '../../shared/code/received'
import { signInFlow } from '../../shared/code/signInFlow'
import { type ReadCode, type Reading, usePendingCode } from '../../shared/code/usePendingCode'
import { rememberSignIn } from '../../shared/code/welcome'
import { text } from '../../shared/i18n/text'
import { keep } from '../../shared/keep'
import { tellOtherTabs, useOtherTabs } from '../../shared/tabs'
import { ErrorPage } from '../../shared/ui/ErrorPage'
import { Heading } from '../../shared/ui/Heading'
import { Loading } from '../../shared/ui/Loading'
import { AnotherAddress } from './AnotherAddress'
import { CodeElsewhere } from './CodeElsewhere'
import type { Arrival } from './SignInPage'
import { SignUpClosed } from './SignUpClosed'
import { useShownCode } from './shownCode'

interface Props {
  requested: Requested | undefined
  /** The id of the code that was shown before a reload. */
  shown: string | undefined
  /** The code of the mail's link. */
  linked: string | undefined
  onSignedIn: () => void
  onRecovery: () => void
  onNewAddress: (code: string) => void
  onSignIn: (arrival: Arrival) => void
}

/** The code page of a browser with a pending code, as far as it is known. */
export function PendingSignIn({
  requested,
  shown,
  linked,
  onSignedIn,
  onRecovery,
  onNewAddress,
  onSignIn,
}: Props) {
  const reading = usePendingCode('/api/auth/code', { id: shown, code: codeOf(requested) })
  const { read, reload } = reading
  const email = useRef<string>(undefined)
  if (read.state === 'ready') email.current = read.value.email
  // A sign-in with this code or a sign-out in another tab consumes it. A sign-in with another
  // address does not.
  useOtherTabs(reload)

  const nothingPending = read.state === 'refused' && read.refusal.problem.code === 'no_pending_code'
  const isLost = nothingPending && (linked === undefined || email.current !== undefined)
  const lose = () =>
    onSignIn({ notice: text('signIn.lost'), ...(email.current ? { email: email.current } : {}) })
  useEffect(() => {
    if (isLost) lose()
  })

  if (read.state === 'loading') {
    return read.requestError ? (
      <ErrorPage requestError={read.requestError} onRetry={reload} />
    ) : (
      <Loading />
    )
  }
  if (read.state === 'ready') {
    return (
      <Steps
        reading={reading}
        received={read}
        requested={requested}
        linked={linked}
        onSignedIn={onSignedIn}
        onRecovery={onRecovery}
        onLost={lose}
        onSignIn={onSignIn}
      />
    )
  }
  if (isLost) return <Loading />
  if (nothingPending && linked) {
    return (
      <CodeElsewhere
        code={linked}
        onSignedIn={onSignedIn}
        onNewAddress={onNewAddress}
        onSignIn={() => onSignIn({})}
      />
    )
  }
  return <ErrorPage requestError={read.refusal} onRetry={reload} />
}

interface StepsProps
  extends Pick<Props, 'requested' | 'linked' | 'onSignedIn' | 'onRecovery' | 'onSignIn'> {
  reading: Reading
  received: ReadCode
  onLost: () => void
}

function Steps({
  reading,
  received,
  requested,
  linked,
  onSignedIn,
  onRecovery,
  onLost,
  onSignIn,
}: StepsProps) {
  useShownCode(received.value.id)
  const [closed, setClosed] = useState<Problem>()
  const { app } = received.value
  // The link of the mail does not have the destination of the sign-in; the code does.
  const goOn = ({ created }: { created: boolean }) => {
    rememberSignIn(created)
    keep('email', received.value.email)
    if (!app || location.search) return onSignedIn()
    tellOtherTabs('signed_in')
    location.replace(app.enter)
  }
  if (closed) return <SignUpClosed problem={closed} pending={received.value} onSignIn={onSignIn} />
  return (
    <CodeSteps
      flow={{
        ...signInFlow,
        refusals: { sign_up_closed: setClosed, recovery_required: onRecovery },
      }}
      reading={reading}
      received={received}
      request={requested?.value}
      linked={linked}
      title={Heading}
      action={text('code.signIn')}
      onVerified={goOn}
      onLost={onLost}
    >
      {app && <p>{text('signIn.continueTo', { app: app.name })}</p>}
      <AnotherAddress pending={received.value} onSignIn={onSignIn} />
    </CodeSteps>
  )
}
