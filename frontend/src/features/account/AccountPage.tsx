import { patch } from '../../shared/api/http'
import { useAuthedRead } from '../../shared/api/inside'
import { usePendingCode } from '../../shared/code/usePendingCode'
import { text } from '../../shared/i18n/text'
import { AuthedPage } from '../../shared/ui/AuthedPage'
import section from '../../shared/ui/Section.module.css'
import { DeleteSection } from './DeleteSection'
import { EmailSection } from './EmailSection'
import { ExportSection } from './ExportSection'
import { KeysSection } from './KeysSection'
import { NameForm } from './NameForm'
import { PasskeysSection } from './PasskeysSection'

interface Props {
  onDeleted: () => void
}

export function AccountPage({ onDeleted }: Props) {
  const { read, reload, put } = useAuthedRead('/api/account')
  const change = usePendingCode('/api/account/email')
  const keys = useAuthedRead('/api/account/access-keys')
  const passkeys = useAuthedRead('/api/account/passkeys')
  const retry = () => {
    reload()
    change.reload()
  }
  // A code that is waited for and all keys belong on the page from the beginning; without keys the
  // rest works, too.
  const rest = [keys.read, passkeys.read].find(
    ({ state, requestError }) => state === 'loading' && !requestError,
  )
  const missing = change.read.state === 'loading' ? change.read : rest
  const whole = read.state === 'ready' && missing?.state === 'loading' ? missing : read
  return (
    <AuthedPage title={text('nav.account')} read={whole} onRetry={retry}>
      {(account) => (
        <div class={section.sections}>
          <NameForm
            name={account.name}
            field="name"
            hint={text('account.nameHint')}
            save={(name) => patch('/api/account', { name })}
            onSaved={put}
          />
          <EmailSection email={account.email} change={change} onChanged={put} />
          <PasskeysSection passkeys={passkeys} />
          <KeysSection keys={keys} />
          <ExportSection />
          <DeleteSection email={account.email} onDeleted={onDeleted} />
        </div>
      )}
    </AuthedPage>
  )
}
