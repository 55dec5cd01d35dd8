import type { Problem } from '../../shared/api/http'
import { refusalInWords } from '../../shared/api/words'
import { richText, text } from '../../shared/i18n/text'
import { Heading } from '../../shared/ui/Heading'
import { Moment } from '../../shared/ui/Moment'
import { Resend, type ResendProps } from './Resend'
import { useOnThisClock } from './useTimeLeft'

interface Props extends ResendProps {
  expired: boolean
  /** What the server said about the last try, where there was one. */
  problem: Problem | undefined
}

/** The code cannot be used any more; a new one can be had. */
export function CodeSpent({ expired, problem, ...resend }: Props) {
  const { pending } = resend.received
  const until = useOnThisClock(pending.expires_at, resend.received)
  const ofTime = richText('spent.workedUntil', { time: <Moment at={until} show="clock" /> })
  const refused = problem && problem.code !== 'wrong_code' ? refusalInWords(problem) : undefined
  return (
    <>
      <Heading>{text(expired ? 'spent.expired' : 'spent.locked')}</Heading>
      <p>{refused ?? (expired ? ofTime : text('spent.tooManyTries'))}</p>
      <p>{richText('spent.offer', { email: <strong>{pending.email}</strong> })}</p>
      <Resend look="main" {...resend}>
        {text('resend.new')}
      </Resend>
    </>
  )
}
