import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { foldDigits } from './code/code'
import { foldText } from './fold'

interface Vector {
  typed: string
  text: string
  digits: string
}

const file = join(import.meta.dirname, '../../../backend/fold/testdata/vectors.json')
const vectors: Vector[] = JSON.parse(readFileSync(file, 'utf8'))

test.each(vectors)('$typed is folded as the server folds it', ({ typed, text, digits }) => {
  expect([foldText(typed), foldDigits(typed)]).toEqual([text, digits])
})

test('the digits of every script that Intl writes are read', () => {
  const systems = Intl.supportedValuesOf('numberingSystem')
  const read = systems.map((numberingSystem) => {
    const { format } = new Intl.NumberFormat('en', {
      numberingSystem,
      useGrouping: false,
      minimumIntegerDigits: 10,
    })
    return [numberingSystem, format(123456789)] as const
  })
  const decimal = read.filter(([, digits]) => /^\p{Nd}{10}$/u.test(digits))
  expect(decimal.length).toBeGreaterThan(60)
  for (const [system, digits] of decimal) expect(foldDigits(digits), system).toBe('0123456789')
})
