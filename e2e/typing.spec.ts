// The effects of keyboards, input methods, pasted text, password managers and translators on the
// fields and texts of the pages.
import { expect } from '@playwright/test'
import { otherCode, readCode } from './support/mail'
import { test } from './support/test'
import { address, button, codeField, expectSignedIn, heading, requestCode } from './support/walk'

/** Digits as a full-width input method writes them. */
const inFullWidth = (digits: string) =>
  digits.replace(/\d/g, (digit) => String.fromCharCode(0xff10 + Number(digit)))

test('a code from an input method is sent when its composition ends', async ({ page, sana }) => {
  await requestCode(page)
  const { code } = await readCode(sana.url, address)
  const sent: (string | null)[] = []
  page.on('request', (request) => {
    if (request.url().endsWith('/api/auth/verify')) sent.push(request.postData())
  })
  const keyboard = await page.context().newCDPSession(page)
  await codeField(page).focus()
  for (let length = 1; length <= code.length; length++) {
    const text = inFullWidth(code.slice(0, length))
    await keyboard.send('Input.imeSetComposition', {
      text,
      selectionStart: length,
      selectionEnd: length,
    })
    await expect(codeField(page)).toHaveValue(text)
  }
  expect(sent).toEqual([])
  await keyboard.send('Input.insertText', { text: inFullWidth(code) })
  await expectSignedIn(page)
  expect(sent).toEqual([JSON.stringify({ code, email: address })])
})

test('a full-width address with invisible characters is normalized', async ({ page, sana }) => {
  await page.goto('/')
  await page
    .getByLabel('Email address')
    .fill('\u200b\uff4d\uff41\uff52\uff59\uff20example\u3002org\u3000')
  await button(page, 'Email me a code').click()
  await expect(heading(page, 'Check your email')).toBeVisible()
  await expect(page.getByText(address)).toBeVisible()
  const { code } = await readCode(sana.url, address)
  await codeField(page).fill(`\u202a${inFullWidth(code)}\u202c`)
  await expectSignedIn(page)
})

test('a password manager that fills in several old codes uses one attempt', async ({
  page,
  sana,
}) => {
  await requestCode(page)
  const { code } = await readCode(sana.url, address)
  const sent: string[] = []
  page.on('request', (request) => {
    if (request.url().endsWith('/api/auth/verify')) sent.push(request.url())
  })
  let value = code
  for (let fill = 0; fill < 5; fill++) {
    value = otherCode(value)
    await codeField(page).evaluate((field: HTMLInputElement, value) => {
      field.value = value
      field.dispatchEvent(new InputEvent('input', { bubbles: true, inputType: 'insertText' }))
    }, value)
    await expect(page.getByText('4 tries left')).toHaveCount(fill === 0 ? 1 : 0)
  }
  expect(sent).toHaveLength(1)
  await codeField(page).fill(code)
  await expectSignedIn(page)
})

test('a page that the browser has translated is still updated', async ({ page }) => {
  await requestCode(page)
  await page.evaluate(() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
    const found: Text[] = []
    while (texts.nextNode()) found.push(texts.currentNode as Text)
    for (const text of found) {
      const font = document.createElement('font')
      font.textContent = text.data
      text.replaceWith(font)
    }
  })
  const timer = page.getByText(/^in 0:\d\d$/)
  const before = (await timer.textContent()) ?? ''
  await expect(timer).not.toHaveText(before)
  await codeField(page).fill('12')
  await page.keyboard.press('Enter')
  await expect(page.getByRole('alert')).toHaveText('Enter all 6 digits. You’ve entered 2.')
})
