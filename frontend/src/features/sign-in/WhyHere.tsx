import type { CameFrom, SignedOut } from '../../shared/api/http'
import { ContinueTo } from './ContinueTo'
import { WhySignedOut } from './WhySignedOut'

interface Props {
  ended: SignedOut | undefined
  app: CameFrom | undefined
}

/** The reason for the sign-in form: an app, the end of a session, or both. */
export function WhyHere({ ended, app }: Props) {
  return (
    <>
      {app && <ContinueTo host={app.host} />}
      {ended && <WhySignedOut ended={ended} />}
    </>
  )
}
