// The steps of users, with the words of the pages.
import { expect, type Page } from '@playwright/test'
import { readCode } from './mail'
import type { Server } from './server'

/** It differs from the example in the form. */
export const address = 'mary@example.org'

/** The user agent of a browser that the pages call Firefox on Linux. */
export const firefox = 'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0'

export const codeField = (page: Page) => page.getByLabel('6-digit code')
export const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name })
export const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })

export async function requestCode(page: Page, email = address): Promise<void> {
  await page.goto('/')
  await page.getByLabel('Email address').fill(email)
  await button(page, 'Email me a code').click()
  await expect(heading(page, 'Check your email')).toBeVisible()
}

export async function expectSignedIn(page: Page, email = address, timeout?: number): Promise<void> {
  await expect(heading(page, 'Your account')).toBeVisible({ ...(timeout && { timeout }) })
  await expect(page.getByRole('main').getByText(email).first()).toBeVisible()
}

/** Signs in with another browser of the same user. */
export async function signInToo(page: Page, server: Server, mails = 2): Promise<void> {
  await requestCode(page)
  const { code } = await readCode(server.url, address, mails)
  await codeField(page).fill(code)
  await expectSignedIn(page)
}

/** The complete sign-in; the page is signed in afterwards. */
export async function signIn(page: Page, serverUrl: string, email = address): Promise<void> {
  await requestCode(page, email)
  const { code } = await readCode(serverUrl, email)
  await codeField(page).fill(code)
  await expectSignedIn(page, email)
}
