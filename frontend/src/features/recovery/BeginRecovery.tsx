import { useEffect, useState } from 'preact/hooks'
import { del, post, type Recovery } from '../../shared/api/http'
import { repeatUntilAnswered } from '../../shared/api/repeat'
import { useRead } from '../../shared/api/useRead'
import { useWrite } from '../../shared/api/useWrite'
import { text } from '../../shared/i18n/text'
import { ErrorNotice } from '../../shared/ui/ErrorNotice'
import { ErrorPage } from '../../shared/ui/ErrorPage'
import { Heading } from '../../shared/ui/Heading'
import { Loading } from '../../shared/ui/Loading'
import { Subheading } from '../../shared/ui/Subheading'
import { WriteButton } from '../../shared/ui/WriteButton'
import { Outcome } from './Outcome'
import { afterBegin, canBegin, ToSignIn } from './ToSignIn'
import { Wait } from './Wait'

/** The recovery of this browser: to begin it, to wait for its end, and to stop it. */
export function BeginRecovery() {
  const { read, reload, put } = useRead('/api/auth/recovery')
  const writing = useWrite(repeatUntilAnswered)
  const [isStopped, setStopped] = useState(false)
  const [isLost, setLost] = useState(false)
  const isNone = read.state === 'refused' && read.refusal.problem.code === 'no_recovery'
  // Another browser may have begun it: only a passkey or the mail stops that one.
  useEffect(() => {
    if (isStopped) reload()
  }, [isStopped, reload])

  if (read.state === 'loading') {
    return read.requestError ? (
      <ErrorPage requestError={read.requestError} onRetry={reload} />
    ) : (
      <Loading />
    )
  }
  if (read.state === 'ready') {
    const stop = () =>
      writing.write(
        () => del('/api/auth/recovery'),
        () => setStopped(true),
      )
    return (
      <Wait received={read}>
        {!isStopped && (
          <WriteButton writing={writing} look="plain" onClick={stop}>
            {text('recovery.stop')}
          </WriteButton>
        )}
        {read.requestError && (
          <ErrorNotice
            role="status"
            requestError={read.requestError}
            next={text('error.weRetry')}
          />
        )}
      </Wait>
    )
  }
  if (!isNone) return <ErrorPage requestError={read.refusal} onRetry={reload} />
  const begin = (recovery: Recovery) => {
    // Once it is over, the code that has begun it begins no other.
    history.replaceState(null, '', location.pathname + afterBegin())
    put(recovery)
  }
  if (isStopped || isLost || !canBegin()) return <Outcome of={isStopped ? 'stopped' : 'none'} />
  return (
    <>
      <Heading>{text('recovery.title')}</Heading>
      <p>{text('problem.recovery_required')}</p>
      <ToSignIn />
      <Subheading>{text('recovery.lost')}</Subheading>
      <p>{text('recovery.lostText')}</p>
      <WriteButton
        writing={writing}
        look="plain"
        onClick={() =>
          writing.write(() => post('/api/auth/recovery', {}), begin, {
            no_recovery: () => setLost(true),
          })
        }
      >
        {text('recovery.begin')}
      </WriteButton>
    </>
  )
}
