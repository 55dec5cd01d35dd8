/** The webmail pages of common providers. */
const pages: [provider: string, page: string, domains: string[]][] = [
  ['Gmail', 'https://mail.google.com/', ['gmail.com', 'googlemail.com']],
  [
    'Outlook',
    'https://outlook.live.com/mail/',
    ['outlook.com', 'hotmail.com', 'live.com', 'msn.com'],
  ],
  ['Yahoo Mail', 'https://mail.yahoo.com/', ['yahoo.com', 'ymail.com']],
  ['iCloud Mail', 'https://www.icloud.com/mail', ['icloud.com', 'me.com', 'mac.com']],
  ['Proton Mail', 'https://mail.proton.me/', ['proton.me', 'protonmail.com']],
]

/** The webmail page of an address, if known. */
export function webmailOf(email: string): { provider: string; page: string } | undefined {
  const domain = email.slice(email.lastIndexOf('@') + 1).toLowerCase()
  const [provider, page] = pages.find(([, , domains]) => domains.includes(domain)) ?? []
  return provider && page ? { provider, page } : undefined
}
