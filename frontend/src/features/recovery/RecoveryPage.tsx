import { useLinked } from '../../shared/useLinked'
import { BeginRecovery } from './BeginRecovery'
import { StopRecovery } from './StopRecovery'

function tokenInFragment(hash: string): string | undefined {
  return /^#stop=([\w.-]+)$/.exec(hash)?.[1]
}

/**
 * The way back for an account that wants a passkey, when there is none any more; and the way to
 * stop it from the mail.
 */
export function RecoveryPage() {
  const token = useLinked(tokenInFragment)
  return token ? <StopRecovery key={token} token={token} /> : <BeginRecovery />
}
