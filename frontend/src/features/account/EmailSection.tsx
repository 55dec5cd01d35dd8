import { useContext, useEffect, useRef, useState } from 'preact/hooks'
import { type Account, type CodeRequest, requestCode } from '../../shared/api/http'
import { InsideContext, useAuthedWrite } from '../../shared/api/inside'
import { EmailForm } from '../../shared/code/EmailForm'
import { NoMail } from '../../shared/code/NoMail'
import { type Requested, received } from '../../shared/code/received'
import { TypoHint } from '../../shared/code/TypoHint'
import type { Reading } from '../../shared/code/usePendingCode'
import { text } from '../../shared/i18n/text'
import { keep } from '../../shared/keep'
import { tellOtherTabs } from '../../shared/tabs'
import { Button } from '../../shared/ui/Button'
import { Changing } from '../../shared/ui/Changing'
import { ErrorNotice } from '../../shared/ui/ErrorNotice'
import { Notice } from '../../shared/ui/Notice'
import section from '../../shared/ui/Section.module.css'
import { StepHeading, Subheading } from '../../shared/ui/Subheading'
import { useUntilNextAction } from '../../shared/ui/useUntilNextAction'
import { NewAddressCode } from './NewAddressCode'

interface Props {
  email: string
  change: Reading
  onChanged: (account: Account) => void
}

/** The initial content of the form for the new address, and the reason why it is shown again. */
interface Asking {
  email: string
  notice?: string
  fault?: string
}

export function EmailSection({ email, change, onChanged }: Props) {
  const { read, reload, put, release } = change
  const { recheck } = useContext(InsideContext)
  const writing = useAuthedWrite()
  const [asking, setAsking] = useState<Asking>()
  const [requested, setRequested] = useState<Requested>()
  const [notice, setNotice] = useState<string>()
  const done = useUntilNextAction(notice)
  /** The id of a change that was completed or cancelled here. */
  const [over, setOver] = useState<string>()
  const noCode = requested && !requested.value.code ? requested : undefined
  const pending =
    read.state === 'ready' && read.value.id !== over && !asking && !noCode ? read : undefined
  /** The new address of the pending change. */
  const awaited = useRef<string>(undefined)
  if (pending) awaited.current = pending.value.email

  const end = () => {
    awaited.current = undefined
    setRequested(undefined)
    if (read.state === 'ready') setOver(read.value.id)
    reload()
  }
  const take = (request: CodeRequest) => {
    setRequested(received(request))
    setOver(undefined)
    setAsking(undefined)
    if (request.code) put(request.code)
  }
  const ask = (asking: Asking) => {
    end()
    setNotice(undefined)
    setAsking(asking)
  }
  const lose = () => ask({ email: awaited.current ?? '', notice: text('account.changeLost') })
  const isLost =
    read.state === 'refused' && awaited.current !== undefined && awaited.current !== email
  useEffect(() => {
    if (isLost) lose()
  })
  const changed = (account: Account) => {
    end()
    release()
    setNotice(text('account.changed', { email: account.email }))
    keep('email', account.email)
    onChanged(account)
    recheck()
    tellOtherTabs('signed_in')
  }
  const cancel = () => {
    setAsking(undefined)
    setNotice('')
  }
  const send = (email: string) => requestCode('/api/account/email', { email })

  return (
    <section class={section.section}>
      <Subheading focus={notice !== undefined}>{text('home.email')}</Subheading>
      {body()}
    </section>
  )

  function body() {
    if (asking) {
      return (
        <>
          {asking.notice && <Notice role="status">{asking.notice}</Notice>}
          <EmailForm
            label={text('account.newEmail')}
            initial={asking.email}
            initialFault={asking.fault}
            focus
            Hint={TypoHint}
            refusals={(refuse) => ({
              email_unchanged: () => refuse(text('problem.email_unchanged')),
              sign_up_closed: () => refuse(text('account.domainClosed')),
            })}
            writing={writing}
            send={send}
            onSent={take}
          />
          <Button look="plain" onClick={cancel}>
            <Changing>{text('action.cancel')}</Changing>
          </Button>
        </>
      )
    }
    if (noCode) {
      const { email } = noCode.value
      return (
        <>
          <NoMail title={StepHeading} requested={noCode} send={() => send(email)} onSent={take} />
          <Button look="plain" onClick={() => ask({ email })}>
            <Changing>{text('address.another')}</Changing>
          </Button>
        </>
      )
    }
    if (pending) {
      return (
        <NewAddressCode
          reading={change}
          received={pending}
          request={requested?.value}
          onChanged={changed}
          onLost={lose}
          onAnother={ask}
        />
      )
    }
    return (
      <>
        {done && <Notice role="status">{done}</Notice>}
        <div class={section.row}>
          <strong>
            <Changing>{email}</Changing>
          </strong>
          <Button look="small" onClick={() => ask({ email: '' })}>
            {text('account.change')}
          </Button>
        </div>
        {read.requestError && (
          <ErrorNotice
            role="status"
            requestError={read.requestError}
            next={text('error.weRetry')}
          />
        )}
      </>
    )
  }
}
