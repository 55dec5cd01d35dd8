// The code page while the mail is being delivered: the real page and server, with simulated
// delivery statuses.
import { expect, type Page } from '@playwright/test'
import { test } from './support/test'
import { address, button, codeField, heading, requestCode } from './support/walk'

interface Mail {
  delivery: string
  delivery_reason?: string
}

const mails: Mail[] = [
  { delivery: 'queued' },
  { delivery: 'delayed' },
  { delivery: 'delayed', delivery_reason: 'provider_away' },
  { delivery: 'sent' },
  { delivery: 'failed' },
  { delivery: 'failed', delivery_reason: 'no_such_mailbox' },
  { delivery: 'failed', delivery_reason: 'blocked' },
  { delivery: 'failed', delivery_reason: 'refused' },
  { delivery: 'failed', delivery_reason: 'provider_away' },
  { delivery: 'delivered' },
]

/** Replaces the delivery status in the server's responses about the pending sign-in. */
async function simulateDelivery(page: Page, mail: Mail): Promise<(mail: Mail) => void> {
  let current = mail
  await page.route(/\/api\/auth\/code(\?|$)/, async (route) => {
    if (route.request().method() !== 'GET') return route.continue()
    const response = await route.fetch()
    return route.fulfill({ response, json: { ...(await response.json()), ...current } })
  })
  return (mail) => {
    current = mail
  }
}

test('the delivery status is updated live without moving the typed text', async ({
  page,
  sana: _,
}) => {
  const setDelivery = await simulateDelivery(page, { delivery: 'queued' })
  await requestCode(page)
  const status = page.getByRole('status').filter({ hasText: address })
  await expect(status).toContainText('We’re sending a code to')
  await codeField(page).pressSequentially('123')
  const position = await codeField(page).boundingBox()

  setDelivery({ delivery: 'delayed', delivery_reason: 'provider_away' })
  await expect(status).toContainText('Our email provider isn’t responding.')
  setDelivery({ delivery: 'sent' })
  await expect(status).toContainText('Check your spam folder')
  setDelivery({ delivery: 'failed', delivery_reason: 'no_such_mailbox' })
  await expect(status).toContainText('doesn’t exist')

  await expect(codeField(page)).toBeFocused()
  await expect(codeField(page)).toHaveValue('123')
  expect(await codeField(page).boundingBox(), 'nothing moves').toEqual(position)

  await button(page, 'Change email address').click()
  await expect(heading(page, 'Sign in')).toBeVisible()
  await expect(page.getByLabel('Email address')).toHaveValue(address)
})

const languages = {
  'de-AT': { title: 'Prüfen Sie Ihr Postfach – Sana', field: '6-stelliger Code' },
  'fr-FR': { title: 'Consultez vos e‑mails – Sana', field: 'Code à 6 chiffres' },
  'es-MX': { title: 'Revisa tu correo – Sana', field: 'Código de 6 dígitos' },
  'ja-JP': { title: 'メールを確認してください – Sana', field: '6桁の確認コード' },
  'it-IT': { title: 'Check your email – Sana', field: '6-digit code' },
}

for (const [locale, words] of Object.entries(languages)) {
  test.describe(() => {
    test.use({ locale, viewport: { width: 320, height: 740 } })

    test(`${locale}: the language of the pages; no layout shift on a small phone`, async ({
      page,
      sana,
    }) => {
      const setDelivery = await simulateDelivery(page, { delivery: 'queued' })
      await page.goto('/')
      await page.request.post('/api/auth/code', {
        data: { email: address },
        headers: { Origin: sana.url },
      })
      const positions = new Set<string>()
      for (const mail of mails) {
        setDelivery(mail)
        await page.goto('/verify')
        await expect(page).toHaveTitle(words.title)
        const field = page.getByLabel(words.field)
        if (mail.delivery === 'failed') await expect(field).toBeHidden()
        if (['queued', 'sent', 'delivered'].includes(mail.delivery))
          positions.add(JSON.stringify(await field.boundingBox()))
        const scrolls = await page.evaluate(
          () => document.documentElement.scrollWidth > window.innerWidth,
        )
        expect(scrolls, mail.delivery).toBe(false)
      }
      expect([...positions]).toHaveLength(1)
      await expect(page.locator('html')).toHaveAttribute(
        'lang',
        locale === 'it-IT' ? 'en' : locale.slice(0, 2),
      )
    })
  })
}
