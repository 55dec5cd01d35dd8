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
  expect(cleanCode(typed, 'digits')).toBe(code)
  expect(cleanCode(cleanCode(typed, 'digits'), 'digits')).toBe(code)
})

test('mistakes in a code are explained', () => {
  expect(codeFault('', 'digits', 6)).toBe('Enter the 6-digit code from the email.')
  expect(codeFault('12345x', 'digits', 6)).toBe('Use numbers only.')
  expect(codeFault('1234', 'digits', 6)).toBe('Enter all 6 digits. You’ve entered 4.')
  expect(codeFault('12345678', 'digits', 6)).toBe('Enter all 6 digits. You’ve entered 8.')
  expect(codeFault('123456', 'digits', 6)).toBeUndefined()
  expect(codeFault('12345678', 'digits', 8)).toBeUndefined()
})

test.each([
  ['0123-4567 89abc', '0123456789ABC'],
  ['oO1lI23456789', '0011123456789'],
  ['ＡＢＣ', 'ABC'],
])('alphanumeric, %j is read as %j, and cleaning twice changes nothing', (typed, code) => {
  expect(cleanCode(typed, 'alphanumeric')).toBe(code)
  expect(cleanCode(code, 'alphanumeric')).toBe(code)
})

test('mistakes in an alphanumeric code are explained', () => {
  expect(codeFault('', 'alphanumeric', 13)).toBe(
    'Enter the code of 13 letters and digits from the email.',
  )
  expect(codeFault('ABC!', 'alphanumeric', 13)).toBe('Use letters and digits only.')
  expect(codeFault('123456', 'alphanumeric', 13)).toBe(
    'Enter all 13 letters and digits. You’ve entered 6.',
  )
  expect(codeFault('0123456789ABC', 'alphanumeric', 13)).toBeUndefined()
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
  ['#c=0123456789ABC', '0123456789ABC'],
  ['#c=0123456789ABL', undefined],
  ['#c=12345', undefined],
  ['#c=123456x', undefined],
  ['#c=<b>', undefined],
  ['#other', undefined],
  ['', undefined],
])('the fragment %j carries %j', (fragment, code) => {
  expect(codeInFragment(fragment)).toBe(code)
})
