import { render } from '@testing-library/preact'
import { expect, test } from 'vitest'
import page from '../../index.html?raw'
import { Main } from './Frame'
import { Offline } from './Offline'

const first = (
  <>
    <Offline />
    <Main>{null}</Main>
  </>
)
const shell = /<div id="root" class="Frame-root">(.*)<\/div><\/div>/.exec(page)?.[1] ?? ''
/** Removes the prefixes of CSS modules, which classes do not have here. */
const withoutPrefixes = (html: string) => html.replace(/class="Offline-/g, 'class="')

test('the served page equals the first render of the program', () => {
  const { container } = render(first)
  expect(withoutPrefixes(shell)).toBe(container.innerHTML)
})

test('the program reuses the elements of the served page', () => {
  document.body.innerHTML = `<div>${shell}</div>`
  const root = document.body.firstElementChild as HTMLElement
  const before = [...root.querySelectorAll('div, main')]
  expect(before).toHaveLength(2)
  render(first, { container: root })
  expect([...root.querySelectorAll('div, main')]).toEqual(before)
  expect(before.every((element) => root.contains(element))).toBe(true)
})
