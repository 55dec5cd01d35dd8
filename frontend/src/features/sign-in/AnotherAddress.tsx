import { del } from '../../shared/api/http'
import { useWrite } from '../../shared/api/useWrite'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'
import { TroubleNotice } from '../../shared/ui/TroubleNotice'
import type { Arrival } from './SignInPage'

interface Props {
  email: string
  /** The address is what is wrong. */
  wrong?: boolean
  onSignIn: (arrival: Arrival) => void
}

/** Back to the form, with the address there to be mended. */
export function AnotherAddress({ email, wrong = false, onSignIn }: Props) {
  const { busy, trouble, write } = useWrite()
  return (
    <div>
      <Button
        look={wrong ? 'plain' : 'quiet'}
        busy={busy && text('trouble.working')}
        onClick={() =>
          write(
            () => del('/api/auth/code'),
            () => onSignIn({ email }),
          )
        }
      >
        {text(wrong ? 'address.change' : 'address.another')}
      </Button>
      {trouble && <TroubleNotice trouble={trouble} next={text('trouble.pressAgain')} />}
    </div>
  )
}
