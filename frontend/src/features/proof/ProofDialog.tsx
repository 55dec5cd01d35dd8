import { useEffect, useId, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { post } from '../../shared/api/http'
import { useWrite } from '../../shared/api/useWrite'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'
import { Loading } from '../../shared/ui/Loading'
import { Notice } from '../../shared/ui/Notice'
import { Subheading } from '../../shared/ui/Subheading'
import { TroubleNotice } from '../../shared/ui/TroubleNotice'
import { ProofCode } from './ProofCode'
import styles from './ProofDialog.module.css'

interface Props {
  /** The address of whoever is signed in: the code goes there. */
  email: string
  onProved: () => void
  onCancel: () => void
}

/** Asks for a fresh code in front of the page, which stays as it is. */
export function ProofDialog({ email, onProved, onCancel }: Props) {
  const dialog = useRef<HTMLDialogElement>(null)
  const title = useId()
  useLayoutEffect(() => {
    const element = dialog.current
    element?.showModal()
    // Closed before it goes: only then does the focus return to where it was.
    return () => element?.close()
  }, [])

  const { busy, trouble, write } = useWrite()
  const [step, setStep] = useState<'asking' | 'sent' | 'lost'>('asking')
  const send = () =>
    write(
      () => post('/api/auth/code', { email }),
      () => setStep('sent'),
    )
  // biome-ignore lint/correctness/useExhaustiveDependencies: whoever opens the dialog asks for one code.
  useEffect(() => {
    send()
  }, [])

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
      <Subheading id={title}>{text('proof.title')}</Subheading>
      <p class={styles.why}>{text('proof.why')}</p>
      {step === 'sent' ? (
        <ProofCode onProved={onProved} onLost={() => setStep('lost')} />
      ) : (
        <>
          {step === 'lost' && <Notice role="status">{text('signIn.lost')}</Notice>}
          {trouble && <TroubleNotice trouble={trouble} next="" />}
          {step === 'lost' || trouble ? (
            <Button busy={busy && text('signIn.sending')} onClick={send}>
              {text('signIn.send')}
            </Button>
          ) : (
            <Loading />
          )}
        </>
      )}
      <Button look="plain" onClick={onCancel}>
        {text('proof.cancel')}
      </Button>
    </dialog>
  )
}
