import type { ComponentChildren, FunctionComponent } from 'preact'
import { useState } from 'preact/hooks'
import type { PendingCode, Problem, Trouble } from '../api/http'
import { text } from '../i18n/text'
import { TroubleNotice } from '../ui/TroubleNotice'
import { CodeEntry } from './CodeEntry'
import { CodeSpent } from './CodeSpent'
import type { Flow } from './flow'
import { usePassed } from './useTimeLeft'

/** A heading that takes the focus when it appears. */
export type Title = FunctionComponent<{ children: string; focus?: boolean }>

interface Props<Answer> {
  flow: Flow<Answer>
  pending: PendingCode
  receivedAt: number
  trouble: Trouble | undefined
  linked?: string | undefined
  title: Title
  /** What the button says that sends the code. */
  action: string
  /** A newer answer about the pending code. */
  onAnswer: (pending: PendingCode) => void
  onVerified: (answer: Answer) => void
  onLost: () => void
  /** The way out. */
  children: ComponentChildren
}

/** From the mail that is on its way to the code that is right, or spent and to be sent anew. */
export function CodeSteps<Answer>({ flow, pending, receivedAt, trouble, children, ...rest }: Props<Answer>) {
  const received = { pending, receivedAt }
  // What the last try was told, if that was final. It is about one code: the next one expires at another time.
  const [verdict, setVerdict] = useState<{ problem: Problem; expiresAt: string }>()
  const final = verdict?.expiresAt === pending.expires_at ? verdict.problem : undefined
  const expired = usePassed(pending.expires_at, received) || final?.code === 'code_expired'
  const resend = {
    received,
    send: flow.resend,
    onSent: (fresh: PendingCode) => {
      setVerdict(undefined)
      rest.onAnswer(fresh)
    },
    onLost: rest.onLost,
  }

  return (
    <>
      {expired || final || pending.tries_left === 0 ? (
        <CodeSpent title={rest.title} expired={expired} problem={final} {...resend} />
      ) : (
        <CodeEntry
          flow={flow}
          linked={rest.linked}
          title={rest.title}
          action={rest.action}
          onVerified={rest.onVerified}
          onSpent={(problem) => setVerdict({ problem, expiresAt: pending.expires_at })}
          {...resend}
        />
      )}
      {children}
      {trouble && <TroubleNotice role="status" trouble={trouble} next={text('trouble.weRetry')} />}
    </>
  )
}
