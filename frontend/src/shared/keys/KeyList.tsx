import { type AccessKey, type Answer, del } from '../api/http'
import { useAuthedWrite } from '../api/inside'
import { repeatUntilAnswered } from '../api/repeat'
import { locale, text } from '../i18n/text'
import { ago } from '../ui/ago'
import { Button } from '../ui/Button'
import { Changing } from '../ui/Changing'
import { Icon } from '../ui/Icon'
import rows from '../ui/Rows.module.css'
import { useNextButton } from '../ui/useNextButton'
import { WriteError } from '../ui/WriteError'

export type Keys = Answer<'/api/account/access-keys'>

interface ListProps {
  keys: AccessKey[]
  /** Whether the list is in a card already. */
  isInCard?: boolean
  /** A key is deleted; `left` are the others. */
  onDeleted: (key: AccessKey, left: AccessKey[]) => void
}

/** Access keys, each with a button that deletes it. */
export function KeyList({ keys, isInCard, onDeleted }: ListProps) {
  const { list, removed } = useNextButton()
  const deleted = (key: AccessKey) => {
    removed(keys.indexOf(key))
    onDeleted(
      key,
      keys.filter((each) => each !== key),
    )
  }
  return (
    <ul ref={list} class={isInCard ? rows.list : rows.card}>
      {keys.map((key) => (
        <KeyItem key={key.id} accessKey={key} onDeleted={() => deleted(key)} />
      ))}
    </ul>
  )
}

interface ItemProps {
  accessKey: AccessKey
  onDeleted: () => void
}

function KeyItem({ accessKey, onDeleted }: ItemProps) {
  const writing = useAuthedWrite(repeatUntilAnswered)
  const { id, app_name, name, by_operator, expires_at, last_used_at, last_used_ip } = accessKey
  const used = last_used_at
    ? text('keys.used', { when: ago(new Date(last_used_at)) })
    : text('keys.unused')
  const end = () => writing.write(() => del('/api/account/access-keys/{id}', id), onDeleted)
  return (
    <li class={rows.row}>
      <span class={rows.tile}>
        <Icon name="key" />
      </span>
      <div class={rows.grow}>
        <h3 class={rows.value}>{name}</h3>
        <p class={rows.key}>
          <Changing>{[app_name, used, last_used_ip].filter(Boolean).join(' · ')}</Changing>
        </p>
        <p class={rows.key}>
          {text('keys.expires', {
            date: new Date(expires_at).toLocaleDateString(locale(), { dateStyle: 'long' }),
          })}
        </p>
        {by_operator && <p class={rows.key}>{text('activity.byOperator')}</p>}
        <WriteError writing={writing} next={text('error.pressAgain')} />
      </div>
      <Button
        look="small"
        name={text('keys.deleteOf', { name })}
        busy={writing.busy && text('error.working')}
        onClick={end}
      >
        {text('keys.delete')}
      </Button>
    </li>
  )
}
