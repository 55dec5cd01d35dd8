import { useLocation } from 'preact-iso'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'

/** Whether a right code has led here, which can begin a recovery. */
export function canBegin(): boolean {
  return location.search.startsWith('?begin')
}

/** The query without that. */
export function afterBegin(): string {
  return location.search.replace(/^\?begin&?/, '?')
}

/** Leads to the sign-in form, with where the sign-in was to lead. */
export function ToSignIn({ look = 'main' }: { look?: 'main' | 'plain' }) {
  const { route } = useLocation()
  return (
    <Button look={look} onClick={() => route(`/${afterBegin()}`)}>
      {text('signIn.title')}
    </Button>
  )
}
