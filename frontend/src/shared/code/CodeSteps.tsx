import type { ComponentChildren, FunctionComponent } from 'preact'
import { useState } from 'preact/hooks'
import type { CodeRequest, Problem } from '../api/http'
import { text } from '../i18n/text'
import { ErrorNotice } from '../ui/ErrorNotice'
import { CodeEntry } from './CodeEntry'
import { CodeSpent } from './CodeSpent'
import type { Flow } from './flow'
import type { ReadCode, Reading } from './usePendingCode'
import { usePassed } from './useTimeLeft'

/** A heading that takes the focus when it appears. */
export type Title = FunctionComponent<{ children: string; focus?: boolean }>

interface Props<Answer> {
  flow: Flow<Answer>
  reading: Reading
  received: ReadCode
  /** The code request, if the page knows it. */
  request?: CodeRequest | undefined
  linked?: string | undefined
  title: Title
  /** The label of the button that sends the code. */
  action: string
  onVerified: (answer: Answer) => void
  onLost: () => void
  /** The links to leave the page. */
  children: ComponentChildren
}

/** The steps from a queued mail to the right code, or to a used one and a new request. */
export function CodeSteps<Answer>({ flow, reading, received, children, ...rest }: Props<Answer>) {
  const { value: pending, requestError } = received
  const [request, setRequest] = useState(rest.request)
  // The answer to the last attempt, if it was final for the code.
  const [verdict, setVerdict] = useState<{ problem: Problem; id: string }>()
  const final = verdict?.id === pending.id ? verdict.problem : undefined
  const expired = usePassed(pending.expires_at, received) || final?.code === 'code_expired'
  const resend = {
    received,
    noMail: request?.mail === 'none',
    send: () => flow.resend(pending),
    onSent: (request: CodeRequest) => {
      const { code, now, resend_at } = request
      setRequest(request)
      if (code) setVerdict(undefined)
      // Without a new code the used one stays, and the time of the next mail is new.
      reading.put(code ?? { ...pending, now, resend_at })
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
          reading={reading}
          linked={rest.linked}
          title={rest.title}
          action={rest.action}
          onVerified={rest.onVerified}
          onSpent={(problem) => setVerdict({ problem, id: pending.id })}
          {...resend}
        />
      )}
      {children}
      {requestError && (
        <ErrorNotice role="status" requestError={requestError} next={text('error.weRetry')} />
      )}
    </>
  )
}
