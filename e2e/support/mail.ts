// The mails of a user, read from the development inbox.
import { waitFor } from '../../scripts/lib/interrupt.mjs'

export interface Mail {
  to: string
  subject: string
  text: string
  html: string
  sent_at: string
}

export interface CodeMail {
  code: string
  /** The link that fills in the code. */
  link: string
}

const codeFirst = /^\d{6,8}/

/** Waits for a mail to `address` whose subject contains `words`. */
export async function readMail(serverUrl: string, address: string, words: string): Promise<Mail> {
  const find = async () => {
    const response = await fetch(`${serverUrl}/dev/inbox.json`)
    const mails: Mail[] = await response.json()
    return mails.find(({ to, subject }) => to === address && subject.includes(words))
  }
  const mail = await waitFor(find, { timeout: 15_000 })
  if (!mail) throw new Error(`no mail to ${address} about ${words}`)
  return mail
}

/** Waits until there are `count` codes for `address` and reads the newest. */
export async function readCode(serverUrl: string, address: string, count = 1): Promise<CodeMail> {
  const find = async () => {
    const response = await fetch(`${serverUrl}/dev/inbox.json`)
    const mails: Mail[] = await response.json()
    const own = mails.filter(({ to, subject }) => to === address && codeFirst.test(subject))
    return own.length >= count ? own[0] : undefined
  }
  const mail = await waitFor(find, { timeout: 15_000 })
  const code = mail?.subject.match(codeFirst)?.[0]
  const link = mail?.text.match(/http\S+\/verify#c=\d+/)?.[0]
  if (!(code && link))
    throw new Error(`no code for ${address} in the inbox: ${mail?.subject ?? 'no mail'}`)
  return { code, link }
}

/** Returns a code of the same length that differs. */
export function otherCode(code: string): string {
  return `${(Number(code[0]) + 1) % 10}${code.slice(1)}`
}
