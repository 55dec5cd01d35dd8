import { render, screen } from '@testing-library/preact'
import { afterEach, expect, test } from 'vitest'
import { Delivery } from '../code/Delivery'
import { type Received, received } from '../code/received'
import { pendingCode } from '../testing/server'
import { settle } from '../testing/time'
import { Button } from './Button'
import { Changing } from './Changing'
import { TextField } from './TextField'

afterEach(() => document.body.replaceChildren())

/** Imitates browser translation: new elements replace each text. */
function translate(): void {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  const found: Text[] = []
  while (texts.nextNode()) found.push(texts.currentNode as Text)
  for (const text of found) {
    const font = document.createElement('font')
    font.textContent = `[${text.data}]`
    text.replaceWith(font)
  }
}

test('a text that changes is shown after the page was translated', async () => {
  const { rerender, container } = render(<Changing>0:42</Changing>)
  translate()
  rerender(<Changing>0:41</Changing>)
  await settle()
  expect(container.textContent).toBe('0:41')
})

test('an error replaces the hint of a field after the page was translated', async () => {
  const field = (fault?: string) => (
    <TextField label="Code" hint="6 digits" fault={fault} inputRef={null} input={{}} />
  )
  const { rerender, container } = render(field())
  translate()
  rerender(field('Too short.'))
  await settle()
  expect(container.querySelector('p')?.textContent).toBe('Too short.')
  translate()
  rerender(field('Too long.'))
  await settle()
  expect(screen.getByRole('alert').textContent).toBe('Too long.')
  expect(container.querySelector('p')?.textContent).toBe('Too long.')
})

test("a button's announcement disappears after the page was translated", async () => {
  const { rerender } = render(<Button busy="Sending…">Send</Button>)
  translate()
  rerender(<Button>Send</Button>)
  await settle()
  expect(screen.getByRole('status').textContent).toBe('')
})

test('the delivery status changes after the page was translated', async () => {
  const mail = (delivery: 'sent' | 'delivered'): Received => received(pendingCode({ delivery }))
  const { rerender } = render(<Delivery id="mail" received={mail('sent')} />)
  const sent = screen.getByRole('status').textContent
  translate()
  rerender(<Delivery id="mail" received={mail('delivered')} />)
  await settle()
  const shown = screen.getByRole('status').textContent
  expect(shown).not.toContain('[')
  expect(shown).not.toBe(sent)
})
