import { del } from '../../shared/api/http'
import { useWrite } from '../../shared/api/useWrite'
import { Button } from '../../shared/ui/Button'
import { TroubleNotice } from '../../shared/ui/TroubleNotice'
import type { Arrival } from './SignInPage'

interface Props {
  email: string
  onSignIn: (arrival: Arrival) => void
}

/** Back to the form, with the address there to be mended. */
export function AnotherAddress({ email, onSignIn }: Props) {
  const { busy, trouble, write } = useWrite()
  return (
    <div>
      <Button
        look="quiet"
        busy={busy && 'One moment…'}
        onClick={() =>
          write(
            () => del('/api/auth/code'),
            () => onSignIn({ email }),
          )
        }
      >
        Use another address
      </Button>
      {trouble && <TroubleNotice trouble={trouble} next="Please press the button again." />}
    </div>
  )
}
