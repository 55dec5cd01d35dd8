import { useState } from 'preact/hooks'
import { useAuthedRead } from '../../shared/api/inside'
import { text } from '../../shared/i18n/text'
import { keep } from '../../shared/keep'
import { kept } from '../../shared/kept'
import { AddPasskey } from '../../shared/passkeys/AddPasskey'
import { hasPasskeys } from '../../shared/passkeys/ceremony'
import { Button } from '../../shared/ui/Button'
import { Done } from '../../shared/ui/Done'
import section from '../../shared/ui/Section.module.css'
import { Subheading } from '../../shared/ui/Subheading'

/**
 * After a sign-in by code, for an account without a passkey, until its user has said no on this
 * browser.
 */
export function PasskeyOffer() {
  const [isOver, setOver] = useState(kept('passkeys') !== '')
  return isOver || !hasPasskeys() ? null : (
    <Offer
      onNotNow={() => {
        keep('passkeys', 'no')
        setOver(true)
      }}
    />
  )
}

function Offer({ onNotNow }: { onNotNow: () => void }) {
  const { read } = useAuthedRead('/api/account/passkeys')
  const [added, setAdded] = useState<string>()
  if (added) return <Done>{text('activity.passkey_added', { passkey: added })}</Done>
  if (read.state !== 'ready' || read.value.passkeys.length > 0) return null
  return (
    <div class={section.sections}>
      <section class={section.section}>
        <Subheading>{text('passkeys.offer')}</Subheading>
        <p class={section.soft}>{text('passkeys.intro')}</p>
        <AddPasskey onAdded={({ name }) => setAdded(name)}>
          <Button look="small" onClick={onNotNow}>
            {text('passkeys.notNow')}
          </Button>
        </AddPasskey>
      </section>
    </div>
  )
}
