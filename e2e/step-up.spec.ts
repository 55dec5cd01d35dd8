// Two tabs of one browser that step up at the same time, with concurrent reads and writes, and with
// a concurrent sign-out. The requests interleave differently each time, so each test repeats them
// many times.
import { expect, type Page } from '@playwright/test'
import { ageSignIns } from './support/database'
import { codesTo, otherCode, readCode } from './support/mail'
import { test } from './support/test'
import { address, button, heading, signIn } from './support/walk'

/** SANA_WHOLE_RACES makes these races longer, like those of the Go tests. */
const rounds = process.env.SANA_WHOLE_RACES ? 20 : 5
const dialog = (page: Page) => page.getByRole('dialog')
const codeIn = (page: Page) => dialog(page).getByLabel('6-digit code')

test.describe.configure({ timeout: 600_000 })

// Chromium shows a prompt before it starts many downloads from one site.
test.beforeEach(({ context }) =>
  context.addInitScript(() => (HTMLAnchorElement.prototype.click = () => {})),
)

/** Reads the code of the newest mail, once there are more than `before`. */
async function newCode(serverUrl: string, before: number): Promise<string> {
  return (await readCode(serverUrl, address, before + 1)).code
}

/**
 * Starts a step-up on the page, and waits until the page accepts a code. It uses the keyboard: a
 * click waits for frames, which a background tab seldom draws.
 */
async function startStepUp(page: Page): Promise<void> {
  const download = button(page, 'Download')
  // The page ignores a press while the previous download is under way.
  await expect(download).toHaveAttribute('aria-disabled', 'false')
  await download.press('Enter')
  await expect(codeIn(page)).toBeVisible()
}

/** Enters the code, or continues if the other tab was faster, until the dialog is closed. */
async function completeStepUp(page: Page, code: string): Promise<void> {
  const completed = dialog(page).getByText('in another tab')
  const quickly = { timeout: 5000 }
  await expect(async () => {
    if ((await dialog(page).count()) === 0) return
    if (await completed.isVisible())
      await dialog(page).getByRole('button', { name: 'Continue' }).press('Enter', quickly)
    else if ((await codeIn(page).inputValue(quickly)) !== code)
      await codeIn(page).fill(code, quickly)
    await expect(dialog(page)).toHaveCount(0, quickly)
  }).toPass({ timeout: 60_000 })
}

/**
 * Reads and writes until `stop` is called, which returns every request whose status is not 200.
 */
async function keepBusy(page: Page): Promise<{ stop: () => Promise<string[]> }> {
  await page.evaluate(() => {
    const busy = { stopped: false, failures: [] as string[], done: Promise.resolve() }
    Object.assign(window, { busy })
    const call = async (path: string, init?: RequestInit) => {
      const { status } = await fetch(path, init)
      if (status !== 200) busy.failures.push(`${init?.method ?? 'GET'} ${path}: ${status}`)
    }
    const headers = { 'Content-Type': 'application/json' }
    const run = async () => {
      for (let n = 0; !busy.stopped; n++) {
        const write = { method: 'PATCH', headers, body: JSON.stringify({ name: `Mary ${n}` }) }
        await Promise.all([
          call('/api/auth/session'),
          call('/api/sessions'),
          call('/api/account', write),
        ])
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    }
    busy.done = run()
  })
  const stop = () =>
    page.evaluate(async () => {
      const { busy } = window as unknown as {
        busy: { stopped: boolean; failures: string[]; done: Promise<void> }
      }
      busy.stopped = true
      await busy.done
      return busy.failures
    })
  return { stop }
}

test('two tabs step up at once, with concurrent reads and writes, and stay signed in', async ({
  page,
  context,
  sana,
  database,
}) => {
  await signIn(page, sana.url)
  const { session } = await (await page.request.get('/api/auth/session')).json()
  const tab = await context.newPage()
  const tabs = [page, tab]
  await Promise.all(tabs.map((each) => each.goto('/account')))

  for (let round = 0; round < rounds; round++) {
    await ageSignIns(database.url, page)
    const before = (await codesTo(sana.url, address)).length
    await Promise.all(tabs.map(startStepUp))
    const code = await newCode(sana.url, before)
    const work = await Promise.all(tabs.map(keepBusy))
    await Promise.all(tabs.map((each) => completeStepUp(each, code)))
    const failures = await Promise.all(work.map(({ stop }) => stop()))
    expect(failures, `round ${round}`).toEqual([[], []])
    for (const each of tabs) await expect(heading(each, 'Account'), `round ${round}`).toBeVisible()
  }
  const after = await (await page.request.get('/api/auth/session')).json()
  expect(after.session.id, 'it is the same session').toBe(session.id)
  const { sessions } = await (await page.request.get('/api/sessions')).json()
  expect(sessions).toHaveLength(1)
})

test('a concurrent sign-out in another tab wins over a step-up', async ({
  page,
  context,
  browser,
  sana,
  database,
  address: baseURL,
}) => {
  const other = await browser.newContext({ baseURL })
  const otherPage = await other.newPage()
  await signIn(otherPage, sana.url)
  const tab = await context.newPage()

  for (let round = 0; round < rounds; round++) {
    const atSignIn = (await codesTo(sana.url, address)).length
    await page.goto('/')
    await page.getByLabel('Email address').fill(address)
    await button(page, 'Email me a code').click()
    await page.getByLabel('6-digit code').fill(await newCode(sana.url, atSignIn))
    await expect(heading(page, 'Your account')).toBeVisible()
    await ageSignIns(database.url, page)
    await Promise.all([page.goto('/account'), tab.goto('/')])
    const before = (await codesTo(sana.url, address)).length
    await startStepUp(page)
    const code = await newCode(sana.url, before)
    // In every other round the first code is wrong: the sign-out then meets a challenge with a used
    // attempt.
    if (round % 2 === 1) await codeIn(page).fill(otherCode(code))
    await expect(heading(tab, 'Your account')).toBeVisible()

    // The sign-out may be faster: the field is gone then.
    const filled = codeIn(page).fill(code, { timeout: 3000 })
    await Promise.all([filled.catch(() => {}), button(tab, 'Sign out').click()])
    await expect(heading(tab, 'Sign in'), `round ${round}`).toBeVisible()
    await expect(heading(page, 'Sign in'), `round ${round}`).toBeVisible()
    await expect.poll(async () => (await page.request.get('/api/auth/session')).status()).toBe(401)
    await page.reload()
    await expect(heading(page, 'Sign in'), `round ${round}`).toBeVisible()
  }
  await otherPage.reload()
  await expect(heading(otherPage, 'Your account')).toBeVisible()
  const { sessions } = await (await otherPage.request.get('/api/sessions')).json()
  expect(sessions, 'only that browser is left').toHaveLength(1)
  await other.close()
})
