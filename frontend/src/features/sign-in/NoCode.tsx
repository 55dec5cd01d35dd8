import { useCallback } from 'preact/hooks'
import { requestCode } from '../../shared/api/http'
import { NoMail } from '../../shared/code/NoMail'
import { type Requested, received } from '../../shared/code/received'
import { text } from '../../shared/i18n/text'
import { type News, useOtherTabs } from '../../shared/tabs'
import { Button } from '../../shared/ui/Button'
import { Heading } from '../../shared/ui/Heading'
import type { Arrival } from './SignInPage'
import { useShownCode } from './shownCode'

interface Props {
  requested: Requested
  onRequested: (requested: Requested) => void
  onSignIn: (arrival: Arrival) => void
}

/** The code page of a browser without a pending code. */
export function NoCode({ requested, onRequested, onSignIn }: Props) {
  const { email } = requested.value
  useShownCode('')
  // The start page knows the current user by now.
  const follow = useCallback(
    (news: News) => {
      if (news === 'signed_in') onSignIn({ email })
    },
    [onSignIn, email],
  )
  useOtherTabs(follow)
  return (
    <>
      <NoMail
        title={Heading}
        requested={requested}
        send={() => requestCode('/api/auth/code', { email })}
        onSent={(request) => onRequested(received(request))}
      />
      <div>
        <Button look="quiet" onClick={() => onSignIn({ email })}>
          {text('address.another')}
        </Button>
      </div>
    </>
  )
}
