import { useState } from 'preact/hooks'
import { post } from '../../shared/api/http'
import { repeatUntilAnswered } from '../../shared/api/repeat'
import { useWrite } from '../../shared/api/useWrite'
import { text } from '../../shared/i18n/text'
import { Heading } from '../../shared/ui/Heading'
import { WriteButton } from '../../shared/ui/WriteButton'
import { Outcome } from './Outcome'

interface Props {
  token: string
}

/**
 * The page of the link in the mail about a recovery. The link alone stops nothing: programs open
 * links too.
 */
export function StopRecovery({ token }: Props) {
  const [outcome, setOutcome] = useState<'stopped' | 'none'>()
  const writing = useWrite(repeatUntilAnswered)
  const stop = () =>
    writing.write(
      () => post('/api/auth/recovery/stop', { token }),
      () => setOutcome('stopped'),
      // A repeat finds what the first request has done.
      { no_recovery: () => setOutcome('none') },
    )
  if (outcome) return <Outcome of={outcome} />
  return (
    <>
      <Heading>{text('recovery.stop')}</Heading>
      <p>{text('recovery.stopText')}</p>
      <WriteButton writing={writing} onClick={stop}>
        {text('recovery.stop')}
      </WriteButton>
    </>
  )
}
