import { render } from '@testing-library/preact'
import { expect, test } from 'vitest'
import page from '../../index.html?raw'
import { Frame } from './Frame'

const shell = /<div id="root">(.*)<\/div>/.exec(page)?.[1] ?? ''
/** Without the names of the files, which classes do not have here. */
const drawn = (html: string) => html.replace(/class="(?:Frame|Mark)-/g, 'class="')

test('the page that comes is the frame as the program draws it, so that nothing changes when that is there', () => {
  const { container } = render(<Frame>{null}</Frame>)
  expect(drawn(shell)).toBe(container.innerHTML)
})

test('the program takes over the very elements of the page that comes', () => {
  document.body.innerHTML = `<div>${shell}</div>`
  const root = document.body.firstElementChild as HTMLElement
  const before = [...root.querySelectorAll('header, a, svg, circle, main')]
  render(<Frame>{null}</Frame>, { container: root })
  expect([...root.querySelectorAll('header, a, svg, circle, main')]).toEqual(before)
  expect(before.every((element) => root.contains(element))).toBe(true)
})
