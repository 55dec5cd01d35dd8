import { expect, test } from 'vitest'
import { cleanCode, codeFault, codeInFragment, inGroups } from './code'

test.each([
  ['123456', '123456'],
  ['123 456', '123456'],
  [' 123-456\n', '123456'],
  ['123\u00a0456', '123456'],
  ['123–456', '123456'],
  ['１２３４５６', '123456'],
  ['12a', '12a'],
])('%j is read as %j, and cleaning twice changes nothing', (typed, code) => {
  expect(cleanCode(typed)).toBe(code)
  expect(cleanCode(cleanCode(typed))).toBe(code)
})

test('what is wrong with a code is said in words', () => {
  expect(codeFault('', 6)).toBe('Enter the 6 digits from the mail.')
  expect(codeFault('12345x', 6)).toBe('The code is made of digits only.')
  expect(codeFault('1234', 6)).toBe('The code has 6 digits. You have entered 4.')
  expect(codeFault('12345678', 6)).toBe('The code has 6 digits. You have entered 8.')
  expect(codeFault('123456', 6)).toBeUndefined()
  expect(codeFault('12345678', 8)).toBeUndefined()
})

test.each([
  ['123456', '123 456'],
  ['1234567', '1234 567'],
  ['12345678', '1234 5678'],
])('%s is shown as %s', (code, shown) => {
  expect(inGroups(code)).toBe(shown)
})

test.each([
  ['#c=123456', '123456'],
  ['#c=12345678', '12345678'],
  ['#c=12345', undefined],
  ['#c=123456x', undefined],
  ['#c=<b>', undefined],
  ['#other', undefined],
  ['', undefined],
])('the fragment %j carries %j', (fragment, code) => {
  expect(codeInFragment(fragment)).toBe(code)
})
