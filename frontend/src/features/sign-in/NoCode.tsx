import { requestCode } from '../../shared/api/http'
import { NoMail } from '../../shared/code/NoMail'
import { type Requested, received } from '../../shared/code/received'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'
import { Heading } from '../../shared/ui/Heading'
import type { Arrival } from './SignInPage'
import { useShownCode } from './shownCode'

interface Props {
  requested: Requested
  onRequested: (requested: Requested) => void
  onSignIn: (arrival: Arrival) => void
}

/** The code page of a browser that no code was sent to. */
export function NoCode({ requested, onRequested, onSignIn }: Props) {
  const { email } = requested.value
  useShownCode('')
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
