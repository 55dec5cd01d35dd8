import type { Problem } from '../api/http'
import { refusalInWords } from '../api/words'
import { richText, text } from '../i18n/text'
import { Moment } from '../ui/Moment'
import type { Title } from './CodeSteps'
import { Resend, type ResendProps } from './Resend'
import type { Received } from './received'
import { useOnThisClock } from './useTimeLeft'

interface Props extends ResendProps {
  received: Received
  title: Title
  expired: boolean
  /** No mail was sent for the last request. */
  noMail: boolean
  /** The server's answer to the last attempt, if any. */
  problem: Problem | undefined
}

/** The code is no longer usable; a new one can be requested. */
export function CodeSpent({ title: Title, expired, problem, noMail, ...resend }: Props) {
  const { value: pending } = resend.received
  const until = useOnThisClock(pending.expires_at, resend.received)
  const ofTime = richText('spent.workedUntil', { time: <Moment at={until} show="clock" /> })
  const refused = problem && problem.code !== 'wrong_code' ? refusalInWords(problem) : undefined
  return (
    <>
      <Title>{text(expired ? 'spent.expired' : 'spent.locked')}</Title>
      <p>{refused ?? (expired ? ofTime : text('problem.too_many_tries'))}</p>
      <p>{richText('spent.offer', { email: <strong>{pending.email}</strong> })}</p>
      <Resend look="main" note={noMail && 'noMail.notSent'} {...resend}>
        {text('resend.new')}
      </Resend>
    </>
  )
}
