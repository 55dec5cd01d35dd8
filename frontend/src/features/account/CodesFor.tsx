import { type Passkeys, put } from '../../shared/api/http'
import { useAuthedWrite } from '../../shared/api/inside'
import { repeatUntilAnswered } from '../../shared/api/repeat'
import { text } from '../../shared/i18n/text'
import { Changing } from '../../shared/ui/Changing'
import section from '../../shared/ui/Section.module.css'
import { WriteButton } from '../../shared/ui/WriteButton'

interface Props {
  all: Passkeys
  onChanged: () => void
}

/**
 * The purpose of codes. With one passkey, each lost device would be a recovery: the choice begins
 * with two.
 */
export function CodesFor({ all: { passkeys, codes_for, can_restrict }, onChanged }: Props) {
  const writing = useAuthedWrite(repeatUntilAnswered)
  const isRestricted = codes_for === 'recovery'
  if (!(isRestricted || (can_restrict && passkeys.length > 1))) return null
  const change = () =>
    writing.write(
      () => put('/api/account/codes', { for: isRestricted ? 'sign_in' : 'recovery' }),
      onChanged,
    )
  return (
    <>
      {isRestricted && <strong>{text('activity.codes_for_recovery')}</strong>}
      <p class={section.soft}>{text('codes.text')}</p>
      <WriteButton writing={writing} look="small" onClick={change}>
        <Changing>{text(isRestricted ? 'codes.allow' : 'codes.restrict')}</Changing>
      </WriteButton>
    </>
  )
}
