import { useLocation } from 'preact-iso'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'

/** Whether a right code has led here, which can begin a recovery. */
export function canBegin(): boolean {
  return location.search.startsWith('?begin')
}

/** Leads to the sign-in form, with where the sign-in was to lead. */
export function ToSignIn({ look = 'main' }: { look?: 'main' | 'plain' }) {
  const { route } = useLocation()
  return (
    <Button look={look} onClick={() => route(`/${location.search.replace(/^\?begin&?/, '?')}`)}>
      {text('signIn.title')}
    </Button>
  )
}
