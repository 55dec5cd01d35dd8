import type { PendingCode } from '../api/http'
import { text } from '../i18n/text'

export type CodeKind = PendingCode['code_kind']

const separators = /[\s\p{Pd}]/gu
const lookalikes: Record<string, string> = { O: '0', I: '1', L: '1' }

/**
 * The code as the server wants it: full-width characters made plain, spaces and dashes dropped, letters made large and
 * those that look like a digit that digit, the rest as typed.
 */
export function cleanCode(typed: string, kind: CodeKind): string {
  const plain = typed.normalize('NFKC').replace(separators, '')
  return kind === 'digits' ? plain : plain.toUpperCase().replace(/[OIL]/g, (letter) => lookalikes[letter] ?? letter)
}

/** What is wrong with a code of `length` characters, in words; undefined when it is worth asking the server. */
export function codeFault(code: string, kind: CodeKind, length: number): string | undefined {
  if (code === '') return text(`code.empty.${kind}`, { length })
  if (kind === 'digits' ? /\D/.test(code) : /[^0-9A-HJKMNP-TV-Z]/.test(code)) return text(`code.strange.${kind}`)
  if (code.length !== length) return text(`code.length.${kind}`, { length, count: code.length })
  return undefined
}

/** "123456" as "123 456", for people to copy by eye. */
export function inGroups(code: string): string {
  const size = code.length > 6 ? 4 : 3
  return code.match(new RegExp(`.{1,${size}}`, 'g'))?.join(' ') ?? ''
}

/** The code that a mail's link carries after the `#`, where there is one. */
export function codeInFragment(fragment: string): string | undefined {
  return /^#c=(\d{6,8}|[0-9A-HJKMNP-TV-Z]{13})$/.exec(fragment)?.[1]
}
