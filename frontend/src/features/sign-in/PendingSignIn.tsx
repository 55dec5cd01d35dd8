import { useState } from 'preact/hooks'
import type { PendingCode, Problem, Trouble } from '../../shared/api/http'
import { text } from '../../shared/i18n/text'
import { TroubleNotice } from '../../shared/ui/TroubleNotice'
import { AnotherAddress } from './AnotherAddress'
import { CodeEntry } from './CodeEntry'
import { CodeSpent } from './CodeSpent'
import type { Arrival } from './SignInPage'
import { usePassed } from './useTimeLeft'

interface Props {
  pending: PendingCode
  receivedAt: number
  trouble: Trouble | undefined
  linked: string | undefined
  /** A newer answer about the pending sign-in. */
  onAnswer: (pending: PendingCode) => void
  onSignedIn: () => void
  onSignIn: (arrival: Arrival) => void
  onLost: () => void
}

export function PendingSignIn({ pending, receivedAt, trouble, linked, ...on }: Props) {
  const received = { pending, receivedAt }
  // What the last try was told, if that was final. It is about one code: the next one expires at another time.
  const [verdict, setVerdict] = useState<{ problem: Problem; expiresAt: string }>()
  const final = verdict?.expiresAt === pending.expires_at ? verdict.problem : undefined
  const expired = usePassed(pending.expires_at, received) || final?.code === 'code_expired'
  const resend = {
    received,
    onSent: (fresh: PendingCode) => {
      setVerdict(undefined)
      on.onAnswer(fresh)
    },
    onLost: on.onLost,
  }

  return (
    <>
      {expired || final || pending.tries_left === 0 ? (
        <>
          <CodeSpent expired={expired} problem={final} {...resend} />
          <AnotherAddress email={pending.email} onSignIn={on.onSignIn} />
        </>
      ) : (
        <CodeEntry
          linked={linked}
          onSignIn={on.onSignIn}
          onSignedIn={on.onSignedIn}
          onSpent={(problem) => setVerdict({ problem, expiresAt: pending.expires_at })}
          {...resend}
        />
      )}
      {trouble && <TroubleNotice role="status" trouble={trouble} next={text('trouble.weRetry')} />}
    </>
  )
}
