import { expect } from '@playwright/test'
import { otherCode, readCode } from './support/mail'
import { test } from './support/test'
import {
  address,
  button,
  codeField,
  expectSignedIn,
  heading,
  requestCode,
  signIn,
} from './support/walk'

test('a user requests a code, types it, is signed in, and signs out', async ({ page, sana }) => {
  await signIn(page, sana.url)
  await expect(page).toHaveURL('/')

  await button(page, 'Sign out').click()
  await expect(heading(page, 'Sign in')).toBeVisible()
  await expect(page.getByText('You’ve signed out.')).toBeVisible()
  await page.reload()
  await expect(page.getByLabel('Email address')).toBeVisible()
})

test('the Back button shows nothing of the account after a sign-out', async ({ page, sana }) => {
  await signIn(page, sana.url)
  await page.goto('/somewhere-else')
  await page.goto('/')
  await expectSignedIn(page)
  await button(page, 'Sign out').click()
  await expect(page.getByText('You’ve signed out.')).toBeVisible()
  await page.goto('/')

  for (let step = 0; step < 3; step++) {
    await page.goBack()
    await expect(page.locator('h1')).toBeVisible()
    await expect(page.getByText(address)).toHaveCount(0)
    await expect(heading(page, 'Your account')).toHaveCount(0)
  }
})

test('five wrong codes lock the code, and the page says so', async ({ page, sana }) => {
  await requestCode(page)
  const { code } = await readCode(sana.url, address)
  let wrong = code
  for (const left of ['4 tries', '3 tries', '2 tries', '1 try']) {
    wrong = otherCode(wrong)
    await codeField(page).fill(wrong)
    await expect(page.getByRole('alert')).toContainText(`${left} left`)
  }
  await codeField(page).fill(otherCode(wrong))
  await expect(heading(page, 'Too many wrong tries')).toBeVisible()
  await expect(codeField(page)).toHaveCount(0)
})

test('a code can be pasted with a space', async ({ page, context, sana }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  await requestCode(page)
  const { code } = await readCode(sana.url, address)
  await page.evaluate(
    (text) => navigator.clipboard.writeText(text),
    `${code.slice(0, 3)} ${code.slice(3)}`,
  )
  await codeField(page).focus()
  await page.keyboard.press('Control+v')
  await expectSignedIn(page)
})

test('the link in the mail fills in the code and waits for a click', async ({ page, sana }) => {
  await requestCode(page)
  const { code, link } = await readCode(sana.url, address)
  const verified: string[] = []
  page.on('request', (request) => {
    if (request.url().endsWith('/api/auth/verify')) verified.push(request.url())
  })
  await page.goto('/somewhere-else')
  await page.goto(link)
  await expect(codeField(page)).toHaveValue(code)
  await expect(page, 'the code leaves the address bar').toHaveURL('/verify')
  await page.reload()
  await page.goto('/somewhere-else')
  await page.goto(link)
  await expect(codeField(page)).toHaveValue(code)
  expect(verified, 'nothing is sent before the click').toEqual([])

  await button(page, 'Sign in').click()
  await expectSignedIn(page)
})

test('the link shows the code in another browser, and does not sign in there', async ({
  page,
  browser,
  sana,
}) => {
  await requestCode(page)
  const { code, link } = await readCode(sana.url, address)
  const other = await browser.newPage()
  await other.goto(link)
  await expect(heading(other, 'Your sign-in code')).toBeVisible()
  await expect(other.getByText(`${code.slice(0, 3)} ${code.slice(3)}`)).toBeVisible()
  await expect(other.getByText(address)).toHaveCount(0)
  await other.close()

  await codeField(page).fill(code)
  await expectSignedIn(page)
})

test('a link with an encoded # fills in the code, which leaves the address bar', async ({
  page,
  sana,
}) => {
  await requestCode(page)
  const { code, link } = await readCode(sana.url, address)
  const referers: string[] = []
  page.on('request', (request) => referers.push(request.headers().referer ?? ''))
  await page.goto(link.replace('#', '%23'))
  await expect(codeField(page)).toHaveValue(code)
  await expect(page).toHaveURL('/verify')
  expect(referers.filter((referer) => referer.includes(code))).toEqual([])
  await page.goto('/somewhere-else')
  await page.goto(link.replace('#', '%23').replace('=', '%3D'))
  await expect(codeField(page)).toHaveValue(code)
  await button(page, 'Sign in').click()
  await expectSignedIn(page)
})

test('a sign-in leads back to the page of another program on the same host', async ({
  page,
  sana,
}) => {
  const app = `${sana.publicUrl}/app/dashboard?tab=2`
  await page.route(app, (route) =>
    route.fulfill({ contentType: 'text/html', body: '<h1>Dashboard</h1>' }),
  )
  await page.goto(`/?next=${encodeURIComponent('/app/dashboard?tab=2#part')}`)
  await page.getByLabel('Email address').fill(address)
  await button(page, 'Email me a code').click()
  await expect(heading(page, 'Check your email')).toBeVisible()
  const { code } = await readCode(sana.url, address)
  await codeField(page).fill(code)
  await expect(heading(page, 'Dashboard')).toBeVisible()
  await expect(page).toHaveURL('/app/dashboard?tab=2#part')
})
