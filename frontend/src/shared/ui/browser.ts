import { text } from '../i18n/text'
import type { IconName } from './Icon'

/** "Firefox on Linux", as far as it is known. */
export function browserInWords({ browser, system }: { browser: string; system: string }): string {
  if (browser && system) return text('signedOut.browserOn', { browser, system })
  return browser || system || text('browser.unknown')
}

/** The same for a name from the server, which is English. */
export function browserByName(name: string): string {
  const [browser = name, system] = name.split(' on ')
  return system ? text('signedOut.browserOn', { browser, system }) : browser
}

/** The picture of a device, by its system. */
export function deviceOf({ system }: { system: string }): IconName {
  if (/^(iOS|Android)/.test(system)) return 'phone'
  return system ? 'laptop' : 'globe'
}
