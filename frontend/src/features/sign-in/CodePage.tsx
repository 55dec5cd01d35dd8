import { useEffect, useState } from 'preact/hooks'
import type { Requested } from '../../shared/code/received'
import { useLinkedCode } from '../../shared/code/useLinkedCode'
import { Loading } from '../../shared/ui/Loading'
import { NoCode } from './NoCode'
import { PendingSignIn } from './PendingSignIn'
import type { Arrival } from './SignInPage'
import { shownCode } from './shownCode'

interface Props {
  /** The answer to the code request; undefined after a reload, and for a link. */
  requested: Requested | undefined
  onSignedIn: () => void
  /** The code was right, but only a passkey signs in. */
  onRecovery: () => void
  onNewAddress: (code: string) => void
  onSignIn: (arrival: Arrival) => void
}

export function CodePage({ requested: arrivedWith, ...on }: Props) {
  const linked = useLinkedCode()
  const [shown] = useState(shownCode)
  // The request may be out of date when the page is shown again.
  const [requested, setRequested] = useState(shown ? undefined : arrivedWith)
  const isOver = shown === '' && !requested && !linked
  useEffect(() => {
    if (isOver) on.onSignIn({})
  })

  if (isOver) return <Loading />
  if (requested && !requested.value.code && !linked) {
    return <NoCode requested={requested} onRequested={setRequested} onSignIn={on.onSignIn} />
  }
  return <PendingSignIn requested={requested} shown={shown || undefined} linked={linked} {...on} />
}
