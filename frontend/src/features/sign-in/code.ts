const separators = /[\s\p{Pd}]/gu

/** The code as the server wants it: full-width digits made plain, spaces and dashes dropped, the rest as typed. */
export function cleanCode(typed: string): string {
  return typed.normalize('NFKC').replace(separators, '')
}

/** What is wrong with a code of `length` digits, in words; undefined when it is worth asking the server. */
export function codeFault(code: string, length: number): string | undefined {
  if (code === '') return `Enter the ${length} digits from the mail.`
  if (/\D/.test(code)) return 'The code is made of digits only.'
  if (code.length !== length) return `The code has ${length} digits. You have entered ${code.length}.`
  return undefined
}

/** "123456" as "123 456", for people to copy by eye. */
export function inGroups(code: string): string {
  const size = code.length > 6 ? 4 : 3
  return code.match(new RegExp(`.{1,${size}}`, 'g'))?.join(' ') ?? ''
}

/** The code that a mail's link carries after the `#`, where there is one. */
export function codeInFragment(fragment: string): string | undefined {
  return /^#c=(\d{6,8})$/.exec(fragment)?.[1]
}
