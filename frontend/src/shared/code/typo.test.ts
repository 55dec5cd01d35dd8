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
])('%s is corrected to %s', (typed, meant) => expect(probablyMeant(typed)).toBe(meant))

test.each([
  ['a common domain', 'ada@gmail.com'],
  ['another provider', 'ada@mail.com'],
  ['another provider', 'ada@ymail.com'],
  ['an unfinished domain', 'ada@gmail.co'],
  ['an unsimilar domain', 'ada@example.org'],
  ['two mistakes', 'ada@gmilaa.com'],
  ['no address', 'gmial.com'],
  ['nothing', ''],
])('%s is not corrected: %s', (_, typed) => expect(probablyMeant(typed)).toBeUndefined())
