// The messages of the pages when a limit is reached. In development limits are high, so the
// responses are simulated. The browser's clock is wrong on purpose: the times must come from the
// server.
import { expect, type Route } from '@playwright/test'
import { readCode } from './support/mail'
import { refuse } from './support/refusal'
import { test } from './support/test'
import { address, button, codeField, expectSignedIn, heading, requestCode } from './support/walk'

const requestPath = '**/api/auth/code'
const resendPath = '**/api/auth/code/resend'

/** Responds as if no mail had been sent, with or without the length of a valid code. */
async function withoutMail(route: Route, seconds: number, withCode: boolean): Promise<void> {
  if (route.request().method() !== 'POST') return route.continue()
  const response = await route.fetch()
  const { email, now, code } = await response.json()
  const resend_at = new Date(Date.parse(now) + seconds * 1000).toISOString()
  await route.fulfill({
    response,
    json: { email, mail: 'none', now, resend_at, ...(withCode && { code }) },
  })
}

test.beforeEach(({ page }) => page.clock.install({ time: new Date('2001-02-03T12:00:00') }))

test('after too many wrong codes the button is disabled until the block ends', async ({
  page,
  sana,
}) => {
  await requestCode(page)
  const { code } = await readCode(sana.url, address)
  await refuse(page, '**/api/auth/verify', 429, 'too_many_wrong_codes', 300)
  await codeField(page).fill(code)
  await expect(page.getByRole('alert')).toContainText('too many wrong codes for this address')
  await expect(button(page, 'Sign in')).toHaveAttribute('aria-disabled', 'true')
  await expect(button(page, 'Sign in')).toHaveAccessibleDescription(
    /^Try again in (5:00|4:\d\d)\.$/,
  )
  await page.clock.fastForward('04:00')
  await expect(button(page, 'Sign in')).toHaveAccessibleDescription(
    /^Try again in (1:00|0:\d\d)\.$/,
  )
  await page.unroute('**/api/auth/verify')
  await page.clock.fastForward('01:00')
  await button(page, 'Sign in').click()
  await expectSignedIn(page)
})

test('after too many requests from a network the form shows the time to try again', async ({
  page,
}) => {
  await refuse(page, requestPath, 429, 'too_many_requests', 7200)
  await page.goto('/')
  await page.getByLabel('Email address').fill(address)
  await button(page, 'Email me a code').click()
  await expect(page.getByRole('alert')).toContainText('There have been too many requests.')
  await expect(button(page, 'Email me a code')).toHaveAccessibleDescription(
    /^Try again at (14:0\d|2:0\d\sPM)\.$/,
  )
  await expect(button(page, 'Email me a code')).toHaveAttribute('aria-disabled', 'true')
})

test('a request without a mail keeps the field if a code is valid', async ({ page, sana }) => {
  await page.route(requestPath, (route) => withoutMail(route, 60, true))
  await requestCode(page)
  await expect(page.getByText('The last code still works')).toBeVisible()
  await expect(button(page, 'Resend code')).toHaveAccessibleDescription(/^in (1:00|0:\d\d)$/)
  const { code } = await readCode(sana.url, address)
  await codeField(page).fill(code)
  await expectSignedIn(page)
})

test('a request without a mail or a valid code shows a button for a new code', async ({ page }) => {
  await page.route(requestPath, (route) => withoutMail(route, 60, false))
  await page.goto('/')
  await page.getByLabel('Email address').fill(address)
  await button(page, 'Email me a code').click()
  await expect(heading(page, 'No new code yet')).toBeFocused()
  await expect(codeField(page)).toHaveCount(0)
  await expect(button(page, 'Get a new code')).toHaveAccessibleDescription(
    /^available in (1:00|0:\d\d)$/,
  )

  await page.unroute(requestPath)
  const requests: string[] = []
  page.on('request', (request) => requests.push(request.method()))
  await page.clock.fastForward('01:00')
  await expect(button(page, 'Get a new code')).toHaveAttribute('aria-disabled', 'false')
  expect(requests).toEqual([])
  await button(page, 'Get a new code').click()
  await expect(codeField(page)).toBeFocused()
})

test('a resend without a mail is reported', async ({ page }) => {
  await page.route(/\/api\/auth\/code\?/, async (route) => {
    const response = await route.fetch()
    const pending = await response.json()
    await route.fulfill({ response, json: { ...pending, resend_at: pending.now } })
  })
  await page.route(resendPath, (route) => withoutMail(route, 600, true))
  await requestCode(page)
  await page.clock.fastForward('01:00')
  await button(page, 'Resend code').click()
  await expect(
    page.getByRole('status').filter({ hasText: 'The last code still works.' }),
  ).toBeVisible()
  await expect(codeField(page)).toBeVisible()
})
