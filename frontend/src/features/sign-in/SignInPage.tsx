import type { ComponentChildren, ComponentProps } from 'preact'
import { useState } from 'preact/hooks'
import {
  type CameFrom,
  type CodeRequest,
  type RequestError,
  requestCode,
  type SignedOut,
} from '../../shared/api/http'
import { useWrite } from '../../shared/api/useWrite'
import { EmailForm } from '../../shared/code/EmailForm'
import { text } from '../../shared/i18n/text'
import { kept } from '../../shared/kept'
import { Changing } from '../../shared/ui/Changing'
import { ErrorNotice } from '../../shared/ui/ErrorNotice'
import { Heading } from '../../shared/ui/Heading'
import { Notice } from '../../shared/ui/Notice'

/**
 * The context of the sign-in form: the reason for it, or how a session ended, and the used address.
 */
export interface Arrival {
  notice?: string
  ended?: SignedOut
  email?: string
}

interface Props {
  arrival: Arrival
  /** The app that the browser came from. */
  app: CameFrom | undefined
  /** The destination of the sign-in, and how a session ended, as text. */
  reason?: ComponentChildren
  /** Whether the destination is a page for signed-in users. */
  leadsOn?: boolean
  Hint?: ComponentProps<typeof EmailForm>['Hint']
  /** The error because of which the user may be signed in without the page knowing it. */
  stale: RequestError | undefined
  onCodeRequested: (request: CodeRequest) => void
}

export function SignInPage({ arrival, app, leadsOn, Hint, stale, onCodeRequested, reason }: Props) {
  const { notice, ended, email } = arrival
  // Decided once: a later answer of the server must not take the focus from a user who is typing.
  const [hearFirst] = useState(notice !== undefined || ended !== undefined)
  const writing = useWrite()
  return (
    <>
      <Heading focus={hearFirst}>{text(leadsOn ? 'signIn.continue' : 'signIn.title')}</Heading>
      {notice && (
        <Notice role="status">
          <Changing>{notice}</Changing>
        </Notice>
      )}
      {reason}
      <p>{text('signIn.intro')}</p>
      <EmailForm
        label={text('signIn.email')}
        initial={email ?? kept('email')}
        focus={!hearFirst}
        autocomplete="username webauthn"
        Hint={Hint}
        writing={writing}
        send={(email) => requestCode('/api/auth/code', { email, ...(app && { arrival: app }) })}
        onSent={onCodeRequested}
      />
      {stale && <ErrorNotice role="status" requestError={stale} next={text('error.weRetry')} />}
    </>
  )
}
