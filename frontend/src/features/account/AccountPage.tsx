import { useOwnRead } from '../../shared/api/inside'
import { usePendingCode } from '../../shared/code/usePendingCode'
import { text } from '../../shared/i18n/text'
import { OwnPage } from '../../shared/ui/OwnPage'
import section from '../../shared/ui/Section.module.css'
import { DeleteSection } from './DeleteSection'
import { EmailSection } from './EmailSection'
import { ExportSection } from './ExportSection'
import { KeysSection } from './KeysSection'
import { NameForm } from './NameForm'

interface Props {
  onDeleted: () => void
}

export function AccountPage({ onDeleted }: Props) {
  const { read, reload, put } = useOwnRead('/api/account')
  const change = usePendingCode('/api/account/email')
  const keys = useOwnRead('/api/account/access-keys')
  const retry = () => {
    reload()
    change.reload()
  }
  // A code that is waited for and the keys belong on the page from the beginning; without keys the rest works, too.
  const rest = keys.read.trouble || change.read.state === 'loading' ? change.read : keys.read
  const whole = read.state === 'ready' && rest.state === 'loading' ? rest : read
  return (
    <OwnPage title={text('nav.account')} read={whole} onRetry={retry}>
      {(account) => (
        <div class={section.sections}>
          <NameForm name={account.name} onSaved={put} />
          <EmailSection email={account.email} change={change} onChanged={put} />
          <KeysSection keys={keys} />
          <ExportSection />
          <DeleteSection email={account.email} onDeleted={onDeleted} />
        </div>
      )}
    </OwnPage>
  )
}
