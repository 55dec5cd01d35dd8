import { useState } from 'preact/hooks'
import type { Passkey, Passkeys } from '../../shared/api/http'
import type { useAuthedRead } from '../../shared/api/inside'
import { text } from '../../shared/i18n/text'
import { AddPasskey } from '../../shared/passkeys/AddPasskey'
import { hasPasskeys } from '../../shared/passkeys/ceremony'
import { AuthedPart } from '../../shared/ui/AuthedPage'
import { Done } from '../../shared/ui/Done'
import rows from '../../shared/ui/Rows.module.css'
import section from '../../shared/ui/Section.module.css'
import { Subheading } from '../../shared/ui/Subheading'
import { useNextButton } from '../../shared/ui/useNextButton'
import { CodesFor } from './CodesFor'
import { PasskeyItem } from './PasskeyItem'
import { RecoveryUnderWay } from './RecoveryUnderWay'

interface Props {
  passkeys: ReturnType<typeof useAuthedRead<'/api/account/passkeys'>>
}

/** The passkeys of the account; nothing if there are none and this browser can make none. */
export function PasskeysSection({ passkeys: { read, reload, put } }: Props) {
  const { list, removed } = useNextButton()
  const [done, setDone] = useState<string>()
  const isUseless = read.state === 'ready' && read.value.passkeys.length === 0
  if (isUseless && !(done || hasPasskeys())) return null

  const change = (all: Passkeys, passkeys: Passkey[], done?: string) => {
    setDone(done)
    put({ ...all, passkeys })
    reload()
  }
  const remove = (all: Passkeys, { id, name }: Passkey, place: number) => {
    // The second button of each row removes it.
    removed(2 * place + 1)
    const left = all.passkeys.filter((each) => each.id !== id)
    change(all, left, text('activity.passkey_removed', { passkey: name }))
  }
  return (
    <section class={section.section}>
      <Subheading>{text('passkeys.title')}</Subheading>
      <p class={section.soft}>{text('passkeys.intro')}</p>
      <AuthedPart read={read} onRetry={reload}>
        {(all) => (
          <>
            {all.recovery && <RecoveryUnderWay recovery={all.recovery} onStopped={reload} />}
            {all.passkeys.length > 0 && (
              <ul ref={list} class={rows.list}>
                {all.passkeys.map((passkey, place) => (
                  <PasskeyItem
                    key={passkey.id}
                    passkey={passkey}
                    onRenamed={(renamed) =>
                      change(
                        all,
                        all.passkeys.map((each) => (each.id === renamed.id ? renamed : each)),
                      )
                    }
                    onRemoved={() => remove(all, passkey, place)}
                  />
                ))}
              </ul>
            )}
            <Done>{done}</Done>
            <AddPasskey
              onAdded={(added) =>
                change(
                  all,
                  [...all.passkeys.filter(({ id }) => id !== added.id), added],
                  text('activity.passkey_added', { passkey: added.name }),
                )
              }
            />
            <CodesFor all={all} onChanged={reload} />
          </>
        )}
      </AuthedPart>
    </section>
  )
}
