import type { Trouble } from '../api/http'
import { passes } from '../api/retry'
import { text } from '../i18n/text'
import { Button } from './Button'
import { Heading } from './Heading'
import { TroubleNotice } from './TroubleNotice'

interface Props {
  trouble: Trouble
  onRetry: () => void
}

/** Shown in place of a page that needs an answer of the server. */
export function TroublePage({ trouble, onRetry }: Props) {
  return (
    <>
      <Heading>{text('trouble.title')}</Heading>
      <TroubleNotice trouble={trouble} next={passes(trouble) ? text('trouble.weRetry') : ''} />
      <Button onClick={onRetry}>{text('trouble.retry')}</Button>
    </>
  )
}
