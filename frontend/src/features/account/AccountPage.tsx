import { useOwnRead } from '../../shared/api/inside'
import { text } from '../../shared/i18n/text'
import { OwnPage } from '../../shared/ui/OwnPage'
import { DeleteSection } from './DeleteSection'
import { EmailSection } from './EmailSection'
import { ExportSection } from './ExportSection'
import { NameForm } from './NameForm'

interface Props {
  onDeleted: () => void
}

export function AccountPage({ onDeleted }: Props) {
  const { read, reload, put } = useOwnRead('/api/account')
  return (
    <OwnPage title={text('nav.account')} read={read} onRetry={reload}>
      {(account) => (
        <div>
          <NameForm name={account.name} onSaved={put} />
          <EmailSection email={account.email} onChanged={put} />
          <ExportSection />
          <DeleteSection email={account.email} onDeleted={onDeleted} />
        </div>
      )}
    </OwnPage>
  )
}
