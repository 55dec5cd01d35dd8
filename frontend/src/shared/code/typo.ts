/** Common mail domains whose names are long enough to tell a typing mistake from another name. */
const common = [
  'gmail.com',
  'googlemail.com',
  'hotmail.com',
  'icloud.com',
  'outlook.com',
  'protonmail.com',
  'yahoo.com',
]

/** Providers whose names differ by one typing mistake. */
const others = ['email.com', 'mail.com', 'ymail.com']

/**
 * The probably intended address, if its domain is one typing mistake away from a common one:
 * "ada@gmial.com".
 */
export function probablyMeant(email: string): string | undefined {
  const [, name, typed] = /^(.+@)([^@]+)$/.exec(email.trim().toLowerCase()) ?? []
  if (!(name && typed) || common.includes(typed) || others.includes(typed)) return undefined
  // An incomplete domain is not a mistake.
  const meant = common.find((domain) => isOneSlip(typed, domain) && !domain.startsWith(typed))
  return meant && email.trim().slice(0, name.length) + meant
}

/** Whether one letter is missing, additional or different, or two letters are swapped. */
function isOneSlip(typed: string, meant: string): boolean {
  let start = 0
  while (start < typed.length && typed[start] === meant[start]) start++
  const room = Math.min(typed.length, meant.length) - start
  let end = 0
  while (end < room && typed.at(-1 - end) === meant.at(-1 - end)) end++
  const [a, b] = [typed, meant].map((domain) => domain.slice(start, domain.length - end)) as [
    string,
    string,
  ]
  return (a.length <= 1 && b.length <= 1) || (a.length === 2 && a === [...b].reverse().join(''))
}
