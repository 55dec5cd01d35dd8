import type { Trouble } from '../api/http'
import { passes } from '../api/retry'
import { Button } from './Button'
import { Heading } from './Heading'
import { TroubleNotice } from './TroubleNotice'

interface Props {
  trouble: Trouble
  onRetry: () => void
}

/** In place of a page that cannot be shown before the server has answered. */
export function TroublePage({ trouble, onRetry }: Props) {
  return (
    <>
      <Heading>One moment, please</Heading>
      <TroubleNotice trouble={trouble} next={passes(trouble) ? 'We keep trying by ourselves.' : ''} />
      <Button onClick={onRetry}>Try again now</Button>
    </>
  )
}
