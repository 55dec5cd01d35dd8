import { useOwnRead } from '../../shared/api/inside'
import { usePendingCode } from '../../shared/code/usePendingCode'
import { text } from '../../shared/i18n/text'
import { OwnPage } from '../../shared/ui/OwnPage'
import section from '../../shared/ui/Section.module.css'
import { DeleteSection } from './DeleteSection'
import { EmailSection } from './EmailSection'
import { ExportSection } from './ExportSection'
import { NameForm } from './NameForm'

interface Props {
  onDeleted: () => void
}

export function AccountPage({ onDeleted }: Props) {
  const { read, reload, put } = useOwnRead('/api/account')
  const change = usePendingCode('/api/account/email')
  const retry = () => {
    reload()
    change.reload()
  }
  // A code that is waited for belongs on the page from the beginning.
  const whole = read.state === 'ready' && change.read.state === 'loading' ? change.read : read
  return (
    <OwnPage title={text('nav.account')} read={whole} onRetry={retry}>
      {(account) => (
        <div class={section.sections}>
          <NameForm name={account.name} onSaved={put} />
          <EmailSection email={account.email} change={change} onChanged={put} />
          <ExportSection />
          <DeleteSection email={account.email} onDeleted={onDeleted} />
        </div>
      )}
    </OwnPage>
  )
}
