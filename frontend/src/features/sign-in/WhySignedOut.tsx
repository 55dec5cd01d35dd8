import type { SignedOut } from '../../shared/api/http'
import { Moment } from '../../shared/ui/Moment'
import { Notice } from '../../shared/ui/Notice'

interface Props {
  ended: SignedOut
}

/** Says to whoever comes back why there is no session any more. */
export function WhySignedOut({ ended: { reason, at, by } }: Props) {
  const because = becauseOf(reason, by)
  if (!because) return <Notice role="status">Your session has ended. Please sign in again.</Notice>
  return (
    <Notice role="status">
      You were signed out {at && <Moment at={new Date(at)} show="sentence" />} because {because}.
    </Notice>
  )
}

/** How long a session may last is the server's to know: no sentence has a number. */
function becauseOf(reason: SignedOut['reason'], by = 'another browser'): string | undefined {
  switch (reason) {
    case 'idle':
      return 'you had not been here for a while'
    case 'max_age':
      return 'a sign-in lasts only for so long, however often you come'
    case 'ended_elsewhere':
      return `this sign-in was ended from ${by}`
    case 'ended_everywhere':
      return `you signed out everywhere, from ${by}`
    case 'too_many_sessions':
      return 'all the places you may be signed in at were used up, and this was the oldest one'
    case 'ended_by_operator':
      return 'those who run Sana here ended this sign-in'
    case 'key_withdrawn':
      return "Sana's keys were changed"
    default:
      // A server that is newer than this page may know more reasons.
      return undefined
  }
}
