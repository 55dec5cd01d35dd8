import type { AccountEvent } from '../api/http'
import { hasText, text } from '../i18n/text'
import { browserByName } from './browser'

/** Describes an event. Kinds and reasons of a later server are shown by their names. */
export function describeEvent(event: AccountEvent): string {
  const { kind, reason, ended, old_email, new_email, app, passkey, key: accessKey } = event
  const key = reason ? `activity.${reason}` : `activity.${kind}`
  if (!hasText(key)) return text('activity.other', { kind: kind.replaceAll('_', ' ') })
  return text(key, {
    browser: ended ? browserByName(ended) : text('browser.unknown'),
    old: old_email ?? '…',
    new: new_email ?? '…',
    app: app ?? '…',
    key: accessKey ?? '…',
    passkey: passkey ?? '…',
  })
}
