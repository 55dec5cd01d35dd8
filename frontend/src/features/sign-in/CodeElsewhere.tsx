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
  onSignIn: () => void
}

/** The mail's link was opened where nobody asked for a code: it is there to be typed where someone did. */
export function CodeElsewhere({ code, onSignedIn, onSignIn }: Props) {
  // Whoever has typed the code already and opens the link afterwards is simply in.
  const { read } = useRead('/api/auth/session')
  const signedIn = read.state === 'ready'
  useEffect(() => {
    if (signedIn) onSignedIn()
  }, [signedIn, onSignedIn])
  if (signedIn || (read.state === 'loading' && !read.trouble)) return <Loading />

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
