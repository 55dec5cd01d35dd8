import { useEffect } from 'preact/hooks'
import { useRead } from '../../shared/api/useRead'
import { inGroups } from '../../shared/code/code'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'
import { Heading } from '../../shared/ui/Heading'
import hidden from '../../shared/ui/hidden.module.css'
import { Loading } from '../../shared/ui/Loading'
import styles from './CodeElsewhere.module.css'

interface Props {
  code: string
  onSignedIn: () => void
  /** It is the code for the new address of the signed-in account. */
  onNewAddress: (code: string) => void
  onSignIn: () => void
}

/**
 * Shows the code of a mail's link that was opened in another browser than the one that requested
 * it, so that the user can type it there.
 */
export function CodeElsewhere({ code, onSignedIn, onNewAddress, onSignIn }: Props) {
  const { read } = useRead('/api/auth/session')
  if (read.state === 'ready')
    return <SignedInAlready code={code} onSignedIn={onSignedIn} onNewAddress={onNewAddress} />
  if (read.state === 'loading' && !read.requestError) return <Loading />

  return (
    <>
      <Heading>{text('elsewhere.title')}</Heading>
      <p>{text('elsewhere.typeThere')}</p>
      <p class={`${styles.code} ${code.length > 8 ? styles.long : ''}`}>
        <span aria-hidden="true">{inGroups(code)}</span>
        <span class={hidden.hidden}>{[...code].join(' ')}</span>
      </p>
      <p>{text('elsewhere.orHere')}</p>
      <Button look="plain" onClick={onSignIn}>
        {text('elsewhere.signInHere')}
      </Button>
    </>
  )
}

/**
 * It may be the code for a new address. A user who has typed it and opens the link afterwards is
 * signed in already.
 */
function SignedInAlready({ code, onSignedIn, onNewAddress }: Omit<Props, 'onSignIn'>) {
  const { read } = useRead('/api/account/email')
  useEffect(() => {
    if (read.state === 'ready') onNewAddress(code)
    if (read.state === 'refused') onSignedIn()
  })
  return <Loading />
}
