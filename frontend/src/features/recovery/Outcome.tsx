import { text } from '../../shared/i18n/text'
import { Heading } from '../../shared/ui/Heading'
import { ToSignIn } from './ToSignIn'

interface Props {
  of: 'stopped' | 'none'
}

/** No recovery is under way. */
export function Outcome({ of }: Props) {
  return (
    <>
      <Heading>{text(of === 'stopped' ? 'activity.recovery_stopped' : 'recovery.none')}</Heading>
      <p>{text(of === 'none' ? 'problem.no_recovery' : 'recovery.stopText')}</p>
      {of === 'stopped' && <p>{text('recovery.notYou')}</p>}
      <ToSignIn look="plain" />
    </>
  )
}
