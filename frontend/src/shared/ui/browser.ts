import { text } from '../i18n/text'

/** "Firefox on Linux", as far as it is known. */
export function browserInWords({ browser, system }: { browser: string; system: string }): string {
  if (browser && system) return text('signedOut.browserOn', { browser, system })
  return browser || system || text('browser.unknown')
}
