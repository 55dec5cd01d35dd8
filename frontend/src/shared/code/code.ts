import type { PendingCode } from '../api/http'
import { foldText } from '../fold'
import { text } from '../i18n/text'

export type CodeKind = PendingCode['code_kind']

const separators = /[\t\r\n\p{Pd}\u2212]/gu
const lookalikes: Record<string, string> = { O: '0', I: '1', L: '1' }

/**
 * Normalizes the code as the server does: digits of every script become ASCII, dashes and line ends
 * are dropped, letters become upper case, letters that look like a digit become that digit, the
 * rest stays.
 */
export function cleanCode(typed: string, kind: CodeKind): string {
  const plain = foldDigits(typed).replace(separators, '')
  return kind === 'digits'
    ? plain
    : plain.toUpperCase().replace(/[OIL]/g, (letter) => lookalikes[letter] ?? letter)
}

/** foldText, and 0 to 9 for the decimal digits of every script. */
export function foldDigits(typed: string): string {
  return foldText(typed.replace(/\p{Nd}/gu, valueOfDigit))
}

/**
 * Decimal digits are encoded in runs of 0 to 9 (Unicode Standard, 4.6), which may follow each
 * other.
 */
function valueOfDigit(digit: string): string {
  const point = digit.codePointAt(0) ?? 0
  let first = point
  while (/\p{Nd}/u.test(String.fromCodePoint(first - 1))) first--
  return String((point - first) % 10)
}

/**
 * The fault of a code of `length` characters, as text; undefined if it is complete enough to send.
 */
export function codeFault(code: string, kind: CodeKind, length: number): string | undefined {
  if (code === '') return text(`code.empty.${kind}`, { length })
  if (kind === 'digits' ? /\D/.test(code) : /[^0-9A-HJKMNP-TV-Z]/.test(code))
    return text(`code.strange.${kind}`)
  if (code.length !== length) return text(`code.length.${kind}`, { length, count: code.length })
  return undefined
}

/** "123456" as "123 456", so that users can copy it by eye. */
export function inGroups(code: string): string {
  const size = code.length > 6 ? 4 : 3
  return code.match(new RegExp(`.{1,${size}}`, 'g'))?.join(' ') ?? ''
}

/** The code in the fragment of a mail's link, if any. */
export function codeInFragment(fragment: string): string | undefined {
  return /^#c=(\d{6,8}|[0-9A-HJKMNP-TV-Z]{13})$/.exec(fragment)?.[1]
}
