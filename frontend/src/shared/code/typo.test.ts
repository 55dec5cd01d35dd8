import { expect, test } from 'vitest'
import { probablyMeant } from './typo'

test.each([
  ['ada@gmial.com', 'ada@gmail.com'],
  ['ada@gmai.com', 'ada@gmail.com'],
  ['ada@gmaill.com', 'ada@gmail.com'],
  ['ada@gnail.com', 'ada@gmail.com'],
  [' Ada@Hotmial.com ', 'Ada@hotmail.com'],
  ['ada@outlok.com', 'ada@outlook.com'],
  ['ada@yahoo.con', 'ada@yahoo.com'],
])('%s is probably %s', (typed, meant) => expect(probablyMeant(typed)).toBe(meant))

test.each([
  ['a common one', 'ada@gmail.com'],
  ['another provider', 'ada@mail.com'],
  ['another provider', 'ada@ymail.com'],
  ['one that is still typed', 'ada@gmail.co'],
  ['one that is like none', 'ada@example.org'],
  ['two slips', 'ada@gmilaa.com'],
  ['no address', 'gmial.com'],
  ['nothing', ''],
])('there is nothing to say about %s: %s', (_, typed) =>
  expect(probablyMeant(typed)).toBeUndefined(),
)
