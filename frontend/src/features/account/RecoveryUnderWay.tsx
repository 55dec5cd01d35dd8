import { useContext, useMemo } from 'preact/hooks'
import type { Recovery } from '../../shared/api/http'
import { InsideContext } from '../../shared/api/inside'
import { useWrite } from '../../shared/api/useWrite'
import { received } from '../../shared/code/received'
import { text } from '../../shared/i18n/text'
import { hasPasskeys, provePasskey } from '../../shared/passkeys/ceremony'
import { tellOtherTabs } from '../../shared/tabs'
import { Notice } from '../../shared/ui/Notice'
import { RecoveryEnd } from '../../shared/ui/RecoveryEnd'
import { WriteButton } from '../../shared/ui/WriteButton'

interface Props {
  recovery: Recovery
  onStopped: () => void
}

/** A recovery in progress. It was started with the mail only: a passkey stops it. */
export function RecoveryUnderWay({ recovery, onStopped }: Props) {
  const begun = useMemo(() => received(recovery), [recovery])
  const writing = useWrite()
  const { recheck } = useContext(InsideContext)
  const stop = () =>
    writing.write(provePasskey, (answer) => {
      if (!answer) return
      tellOtherTabs('signed_in')
      recheck()
      onStopped()
    })
  return (
    <>
      <Notice role="alert">
        <strong>{text('activity.recovery_begun')}</strong>
        <RecoveryEnd received={begun} />
        <p>{text('recovery.notYou')}</p>
      </Notice>
      {hasPasskeys() && (
        <WriteButton writing={writing} look="small" busy="passkeys.waiting" onClick={stop}>
          {text('recovery.stop')}
        </WriteButton>
      )}
    </>
  )
}
