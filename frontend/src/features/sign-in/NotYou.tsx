import { text } from '../../shared/i18n/text'
import { keep } from '../../shared/keep'
import { Button } from '../../shared/ui/Button'

/** For somebody else than who signed in on this browser last. */
export function NotYou({ onForgotten }: { onForgotten: () => void }) {
  const forget = () => {
    keep('email', '')
    onForgotten()
  }
  return (
    <div>
      <Button look="quiet" onClick={forget}>
        {text('signIn.notYou')}
      </Button>
    </div>
  )
}
