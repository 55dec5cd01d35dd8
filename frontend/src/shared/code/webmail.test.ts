import { expect, test } from 'vitest'
import { webmailOf } from './webmail'

test.each([
  ['ada@gmail.com', 'https://mail.google.com/'],
  ['ada@Hotmail.com', 'https://outlook.live.com/mail/'],
  ['"ada@gmail.com"@example.org', undefined],
  ['ada@gmail.com.example.org', undefined],
])('%s is read on %s', (email, page) => expect(webmailOf(email)?.page).toBe(page))
