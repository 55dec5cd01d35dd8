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

/** The mails to `address`, newest first. */
export async function mailsTo(serverUrl: string, address: string): Promise<Mail[]> {
  const response = await fetch(`${serverUrl}/dev/inbox.json`)
  const mails: Mail[] = await response.json()
  return mails.filter(({ to }) => to === address)
}

/** Waits for a mail to `address` whose subject contains `words`. */
export async function readMail(serverUrl: string, address: string, words: string): Promise<Mail> {
  const find = async () => {
    const mails = await mailsTo(serverUrl, address)
    return mails.find(({ subject }) => subject.includes(words))
  }
  const mail = await waitFor(find, { timeout: 15_000 })
  if (!mail) throw new Error(`no mail to ${address} about ${words}`)
  return mail
}

/** The mails with codes to `address`, newest first. */
export async function codesTo(serverUrl: string, address: string): Promise<Mail[]> {
  return (await mailsTo(serverUrl, address)).filter(({ subject }) => codeFirst.test(subject))
}

/** Waits until there are `count` codes for `address` and reads the newest. */
export async function readCode(serverUrl: string, address: string, count = 1): Promise<CodeMail> {
  const find = async () => {
    const codes = await codesTo(serverUrl, address)
    return codes.length >= count ? codes[0] : undefined
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
