import { useCallback, useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { type CodeRequest, get, requestCode } from '../../shared/api/http'
import { useWrite } from '../../shared/api/useWrite'
import { NoMail } from '../../shared/code/NoMail'
import { type Requested, received } from '../../shared/code/received'
import { text } from '../../shared/i18n/text'
import { hasPasskeys } from '../../shared/passkeys/ceremony'
import { Button } from '../../shared/ui/Button'
import { Loading } from '../../shared/ui/Loading'
import { Notice } from '../../shared/ui/Notice'
import { StepHeading, Subheading } from '../../shared/ui/Subheading'
import { useLimit, WriteError } from '../../shared/ui/WriteError'
import { PasskeyProof } from './PasskeyProof'
import { ProofCode } from './ProofCode'
import styles from './ProofDialog.module.css'

interface Props {
  /** The address of the current user, to which the code is sent. */
  email: string
  /** The user has stepped up in another tab since the dialog opened. */
  isProvedElsewhere: boolean
  onProved: () => void
  onCancel: () => void
}

/** Asks for a passkey or a fresh code in front of the page, which stays as it is. */
export function ProofDialog({ email, isProvedElsewhere, onProved, onCancel }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  const title = useId()
  useLayoutEffect(() => {
    const element = dialog.current
    element?.showModal()
    // Closed before it is removed: otherwise the focus would not return to its place.
    return () => element?.close()
  }, [])

  const writing = useWrite()
  const limit = useLimit(writing)
  const [requested, setRequested] = useState<Requested>()
  const [isLost, setLost] = useState(false)
  const request = () => requestCode('/api/auth/code', { email })
  const take = (request: CodeRequest) => {
    setLost(false)
    setRequested(received(request))
  }
  const send = () => writing.write(request, take)
  const lose = useCallback(() => {
    setLost(true)
    setRequested(undefined)
  }, [])
  /** Whether the account has a passkey; then the code is sent only if its user wants it. */
  const [hasPasskey, setHasPasskey] = useState(false)
  // biome-ignore lint/correctness/useExhaustiveDependencies: once, when the dialog opens
  useEffect(() => {
    if (hasPasskeys()) get('/api/auth/passkey').then(() => setHasPasskey(true), send)
    else send()
  }, [])
  const isAsked = requested || isLost || writing.busy || writing.requestError

  return (
    <dialog
      ref={dialog}
      class={styles.dialog}
      aria-labelledby={title}
      onCancel={(event) => {
        event.preventDefault()
        onCancel()
      }}
    >
      <Subheading id={title} focus={hasPasskey}>
        {text('proof.title')}
      </Subheading>
      {(!hasPasskey || requested) && <p class={styles.why}>{text('proof.why')}</p>}
      {hasPasskey && !isProvedElsewhere && <PasskeyProof isMain={!isAsked} onProved={onProved} />}
      {body()}
      <Button look="plain" onClick={onCancel}>
        {text('action.cancel')}
      </Button>
    </dialog>
  )

  function body() {
    // The pending action may be irreversible: it needs another press here.
    if (isProvedElsewhere) {
      return (
        <>
          <Notice role="status">{text('proof.elsewhere')}</Notice>
          <Button onClick={onProved}>{text('proof.goOn')}</Button>
        </>
      )
    }
    if (requested?.value.code)
      return <ProofCode requested={requested} onProved={onProved} onLost={lose} />
    if (requested)
      return <NoMail title={StepHeading} requested={requested} send={request} onSent={take} />
    if (!(isLost || writing.requestError || hasPasskey)) return <Loading />
    return (
      <>
        {isLost && <Notice role="status">{text('problem.no_pending_code')}</Notice>}
        <WriteError writing={writing} next="" waitId={limit.waitId} />
        <Button
          look={hasPasskey ? 'plain' : 'main'}
          busy={writing.busy && text('signIn.sending')}
          onClick={send}
          {...limit.button}
        >
          {text('signIn.send')}
        </Button>
      </>
    )
  }
}
