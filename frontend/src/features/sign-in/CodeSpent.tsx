import type { Problem } from '../../shared/api/http'
import { Heading } from '../../shared/ui/Heading'
import { Moment } from '../../shared/ui/Moment'
import { Resend, type ResendProps } from './Resend'
import { onThisClock } from './useTimeLeft'

interface Props extends ResendProps {
  expired: boolean
  /** What the server said about the last try, where there was one. */
  problem: Problem | undefined
}

/** The code cannot be used any more; a new one can be had. */
export function CodeSpent({ expired, problem, ...resend }: Props) {
  const { pending } = resend.received
  return (
    <>
      <Heading>{expired ? 'This code has expired' : 'This code is locked'}</Heading>
      {expired ? (
        <p>
          It worked until <Moment at={onThisClock(pending.expires_at, resend.received)} show="clock" />.
        </p>
      ) : (
        <p>{problem?.code === 'too_many_tries' ? problem.detail : 'There were too many wrong tries.'}</p>
      )}
      <p>
        We can send a new one to <strong>{pending.email}</strong>.
      </p>
      <Resend look="main" {...resend}>
        Send a new code
      </Resend>
    </>
  )
}
