import type { RequestError } from '../api/http'
import { isTransient } from '../api/retry'
import { text } from '../i18n/text'
import { Button } from './Button'
import { ErrorNotice } from './ErrorNotice'
import { Heading } from './Heading'

interface Props {
  requestError: RequestError
  onRetry: () => void
}

/** Shown in place of a page that needs an answer of the server. */
export function ErrorPage({ requestError, onRetry }: Props) {
  return (
    <>
      <Heading>{text('error.title')}</Heading>
      <ErrorNotice
        requestError={requestError}
        next={isTransient(requestError) ? text('error.weRetry') : ''}
      />
      <Button onClick={onRetry}>{text('error.retry')}</Button>
    </>
  )
}
