import type { Trouble } from '../../shared/api/http'
import { Heading } from '../../shared/ui/Heading'
import { Notice } from '../../shared/ui/Notice'
import { TroubleNotice } from '../../shared/ui/TroubleNotice'
import { EmailForm } from './EmailForm'

/** What led to the sign-in form, where something did: why, and the address that was in use. */
export interface Arrival {
  notice?: string
  email?: string
}

interface Props {
  arrival: Arrival
  /** Why it is not known whether someone is signed in by now. */
  stale: Trouble | undefined
  onCodeRequested: (email: string) => void
}

export function SignInPage({ arrival: { notice, email = '' }, stale, onCodeRequested }: Props) {
  return (
    <>
      <Heading focus={notice !== undefined}>Sign in</Heading>
      {notice && <Notice role="status">{notice}</Notice>}
      {!navigator.cookieEnabled && (
        <Notice role="alert">
          This browser blocks cookies. Please allow them for this page: nobody can sign in without.
        </Notice>
      )}
      <p>Enter your e-mail address, and we will send you a code. There is no password to remember.</p>
      <EmailForm initial={email} focus={notice === undefined} onCodeRequested={onCodeRequested} />
      {stale && <TroubleNotice role="status" trouble={stale} next="We keep trying by ourselves." />}
    </>
  )
}
