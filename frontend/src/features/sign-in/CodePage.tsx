import { useEffect, useRef } from 'preact/hooks'
import { text } from '../../shared/i18n/text'
import { Loading } from '../../shared/ui/Loading'
import { TroublePage } from '../../shared/ui/TroublePage'
import { CodeElsewhere } from './CodeElsewhere'
import { PendingSignIn } from './PendingSignIn'
import type { Arrival } from './SignInPage'
import { useLinkedCode } from './useLinkedCode'
import { usePendingCode } from './usePendingCode'

interface Props {
  onSignedIn: () => void
  onSignIn: (arrival: Arrival) => void
}

export function CodePage({ onSignedIn, onSignIn }: Props) {
  const linked = useLinkedCode()
  const { read, reload, put } = usePendingCode()
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
      <PendingSignIn
        pending={read.value}
        receivedAt={read.receivedAt}
        trouble={read.trouble}
        linked={linked}
        onAnswer={put}
        onSignedIn={onSignedIn}
        onSignIn={onSignIn}
        onLost={lose}
      />
    )
  }
  if (isLost) return <Loading />
  if (nothingPending && linked) {
    return <CodeElsewhere code={linked} onSignedIn={onSignedIn} onSignIn={() => onSignIn({})} />
  }
  return <TroublePage trouble={read.refusal} onRetry={reload} />
}
