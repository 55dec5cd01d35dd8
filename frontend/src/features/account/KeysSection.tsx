import { useState } from 'preact/hooks'
import type { useAuthedRead } from '../../shared/api/inside'
import { text } from '../../shared/i18n/text'
import { KeyList, type Keys } from '../../shared/keys/KeyList'
import { AuthedPart } from '../../shared/ui/AuthedPage'
import { Button } from '../../shared/ui/Button'
import { Done } from '../../shared/ui/Done'
import section from '../../shared/ui/Section.module.css'
import { Subheading } from '../../shared/ui/Subheading'
import { KeyForm, type NewKey } from './KeyForm'
import { NewKeyNotice } from './NewKeyNotice'

interface Props {
  keys: ReturnType<typeof useAuthedRead<'/api/account/access-keys'>>
}

/** The access keys of the user; nothing if there are none and no app accepts any. */
export function KeysSection({ keys: { read, reload, put } }: Props) {
  const [isAsking, setAsking] = useState<boolean>()
  const [made, setMade] = useState<NewKey>()
  const [deleted, setDeleted] = useState<string>()
  const isUseless =
    read.state === 'ready' && read.value.access_keys.length + read.value.apps.length === 0
  if (isUseless && !deleted) return null

  const open = () => {
    setDeleted(undefined)
    setAsking(true)
  }
  const show = (all: Keys, key: NewKey) => {
    setMade(key)
    setAsking(false)
    put({ ...all, access_keys: [key.access_key, ...all.access_keys] })
    reload()
  }
  return (
    <section class={section.section}>
      <Subheading focus={isAsking === false && !made}>{text('keys.title')}</Subheading>
      <p class={section.soft}>{text('keys.intro')}</p>
      <AuthedPart read={read} onRetry={reload}>
        {(all) => (
          <>
            {made && <NewKeyNotice made={made.key} onDone={() => setMade(undefined)} />}
            {all.access_keys.length > 0 ? (
              <KeyList
                keys={all.access_keys}
                isInCard
                onDeleted={({ name }, left) => {
                  setDeleted(text('keys.deleted', { name }))
                  put({ ...all, access_keys: left })
                  reload()
                }}
              />
            ) : (
              <p>{text('keys.none')}</p>
            )}
            <Done>{deleted}</Done>
            {isAsking && (
              <KeyForm
                apps={all.apps}
                onMade={(key) => show(all, key)}
                onError={reload}
                onCancel={() => setAsking(false)}
              />
            )}
            {!(isAsking || made) && all.apps.length > 0 && (
              <div>
                <Button look="small" onClick={open}>
                  {text('keys.create')}
                </Button>
              </div>
            )}
          </>
        )}
      </AuthedPart>
    </section>
  )
}
