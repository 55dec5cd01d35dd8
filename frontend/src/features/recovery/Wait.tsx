import type { ComponentChildren } from 'preact'
import type { Recovery } from '../../shared/api/http'
import type { Received } from '../../shared/code/received'
import { usePassed } from '../../shared/code/useTimeLeft'
import { text } from '../../shared/i18n/text'
import { Heading } from '../../shared/ui/Heading'
import { RecoveryEnd } from '../../shared/ui/RecoveryEnd'
import { ToSignIn } from './ToSignIn'

interface Props {
  received: Received<Recovery>
  /** The way to stop it. */
  children: ComponentChildren
}

/** Until when a recovery waits. */
export function Wait({ received, children }: Props) {
  const isOver = usePassed(received.value.ends_at, received)
  return (
    <>
      <Heading>{text('activity.recovery_begun')}</Heading>
      {isOver ? <p>{text('recovery.overText')}</p> : <RecoveryEnd received={received} />}
      {!isOver && <p>{text('recovery.meanwhile')}</p>}
      <ToSignIn />
      {!isOver && children}
    </>
  )
}
