/** Where most people have their mail, by names that are long enough for a slip to be told from another name. */
const common = [
  'gmail.com',
  'googlemail.com',
  'hotmail.com',
  'icloud.com',
  'outlook.com',
  'protonmail.com',
  'yahoo.com',
]

/** Providers whose names are as near as a slip. */
const others = ['email.com', 'mail.com', 'ymail.com']

/** The address that was probably meant, where its domain is one slip away from a common one: "ada@gmial.com". */
export function probablyMeant(email: string): string | undefined {
  const [, name, typed] = /^(.+@)([^@]+)$/.exec(email.trim().toLowerCase()) ?? []
  if (!(name && typed) || common.includes(typed) || others.includes(typed)) return undefined
  // Who is still typing has made no slip.
  const meant = common.find((domain) => isOneSlip(typed, domain) && !domain.startsWith(typed))
  return meant && email.trim().slice(0, name.length) + meant
}

/** Whether one letter is missing, too many or another one, or two letters have changed places. */
function isOneSlip(typed: string, meant: string): boolean {
  let start = 0
  while (start < typed.length && typed[start] === meant[start]) start++
  const room = Math.min(typed.length, meant.length) - start
  let end = 0
  while (end < room && typed.at(-1 - end) === meant.at(-1 - end)) end++
  const [a, b] = [typed, meant].map((domain) => domain.slice(start, domain.length - end)) as [string, string]
  return (a.length <= 1 && b.length <= 1) || (a.length === 2 && a === [...b].reverse().join(''))
}
