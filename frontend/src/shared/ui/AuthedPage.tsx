import type { ComponentChildren } from 'preact'
import { isTransient } from '../api/retry'
import type { Read } from '../api/useRead'
import { text } from '../i18n/text'
import { Button } from './Button'
import { ErrorNotice } from './ErrorNotice'
import { Heading } from './Heading'
import { Loading } from './Loading'

interface Props<Value> {
  title: string
  read: Read<Value>
  onRetry: () => void
  children: (value: Value) => ComponentChildren
}

/** A page of a signed-in user: its title at once, and the rest once it is loaded. */
export function AuthedPage<Value>({ title, read, onRetry, children }: Props<Value>) {
  return (
    <>
      <Heading>{title}</Heading>
      <AuthedPart read={read} onRetry={onRetry}>
        {children}
      </AuthedPart>
    </>
  )
}

/** A part of such a page: the value, or the error. */
export function AuthedPart<Value>({ read, onRetry, children }: Omit<Props<Value>, 'title'>) {
  const { requestError } = read
  if (read.state === 'ready') {
    return (
      <>
        {children(read.value)}
        {requestError && (
          <ErrorNotice role="status" requestError={requestError} next={text('error.weRetry')} />
        )}
      </>
    )
  }
  const reason = read.state === 'refused' ? read.refusal : requestError
  // The sign-in form is about to replace the page.
  const isOut = read.state === 'refused' && read.refusal.problem.code === 'not_signed_in'
  if (!reason || isOut) return <Loading />
  return (
    <>
      <ErrorNotice requestError={reason} next={isTransient(reason) ? text('error.weRetry') : ''} />
      <Button onClick={onRetry}>{text('error.retry')}</Button>
    </>
  )
}
