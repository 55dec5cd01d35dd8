import { useEffect } from 'preact/hooks'
import { CodeSteps } from '../../shared/code/CodeSteps'
import { codeOf, type Requested } from '../../shared/code/received'
import { signInFlow } from '../../shared/code/signInFlow'
import { usePendingCode } from '../../shared/code/usePendingCode'
import { text } from '../../shared/i18n/text'
import { Loading } from '../../shared/ui/Loading'
import { StepHeading } from '../../shared/ui/Subheading'

interface Props {
  requested: Requested
  onProved: () => void
  onLost: () => void
}

export function ProofCode({ requested, onProved, onLost }: Props) {
  const reading = usePendingCode('/api/auth/code', { code: codeOf(requested) })
  const { read } = reading
  const isLost = read.state === 'refused'
  useEffect(() => {
    if (isLost) onLost()
  }, [isLost, onLost])
  if (read.state !== 'ready') return <Loading />
  return (
    <CodeSteps
      flow={signInFlow}
      reading={reading}
      received={read}
      request={requested.value}
      title={StepHeading}
      action={text('proof.goOn')}
      onVerified={onProved}
      onLost={onLost}
    >
      {null}
    </CodeSteps>
  )
}
