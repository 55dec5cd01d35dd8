import { useEffect } from 'preact/hooks'
import { post } from '../../shared/api/http'
import { CodeSteps } from '../../shared/code/CodeSteps'
import { usePendingCode } from '../../shared/code/usePendingCode'
import { text } from '../../shared/i18n/text'
import { Loading } from '../../shared/ui/Loading'
import { StepHeading } from '../../shared/ui/Subheading'
import { TroubleNotice } from '../../shared/ui/TroubleNotice'

interface Props {
  onProved: () => void
  onLost: () => void
}

const flow = {
  verify: (code: string) => post('/api/auth/verify', { code }),
  resend: () => post('/api/auth/code/resend', {}),
}

export function ProofCode({ onProved, onLost }: Props) {
  const { read, put } = usePendingCode('/api/auth/code')
  const isLost = read.state === 'refused'
  useEffect(() => {
    if (isLost) onLost()
  }, [isLost, onLost])
  if (read.state !== 'ready') {
    return read.trouble ? <TroubleNotice trouble={read.trouble} next={text('trouble.weRetry')} /> : <Loading />
  }
  return (
    <CodeSteps
      flow={flow}
      pending={read.value}
      receivedAt={read.receivedAt}
      trouble={read.trouble}
      title={StepHeading}
      action={text('proof.goOn')}
      onAnswer={put}
      onVerified={onProved}
      onLost={onLost}
    >
      {null}
    </CodeSteps>
  )
}
