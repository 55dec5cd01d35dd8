import { post } from '../shared/api/http'
import { repeatUntilAnswered } from '../shared/api/repeat'
import { useWrite } from '../shared/api/useWrite'
import { text } from '../shared/i18n/text'
import { Button } from '../shared/ui/Button'
import { Monogram } from '../shared/ui/Monogram'
import { WriteError } from '../shared/ui/WriteError'
import styles from './Visitor.module.css'

interface Props {
  email: string
  onSignedOut: () => void
}

/**
 * The current user and the sign-out button, on every page, because several users may share the
 * device.
 */
export function Visitor({ email, onSignedOut }: Props) {
  const writing = useWrite(repeatUntilAnswered)
  return (
    <>
      <section class={styles.visitor} aria-label={email}>
        <Monogram of={email} />
        <span class={styles.email}>{email}</span>
        <Button
          look="small"
          busy={writing.busy && text('home.signingOut')}
          onClick={() => writing.write(() => post('/api/auth/sign-out', {}), onSignedOut)}
        >
          {text('home.signOut')}
        </Button>
      </section>
      <div class={styles.requestError}>
        <WriteError writing={writing} next={text('home.stillSignedIn')} />
      </div>
    </>
  )
}
