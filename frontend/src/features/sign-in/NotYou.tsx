import { text } from '../../shared/i18n/text'
import { keep } from '../../shared/keep'
import { Button } from '../../shared/ui/Button'

/** For another user than the one who signed in on this browser last. */
export function NotYou() {
  const forget = () => {
    keep('email', '')
    location.reload()
  }
  return (
    <div>
      <Button look="quiet" onClick={forget}>
        {text('signIn.notYou')}
      </Button>
    </div>
  )
}
