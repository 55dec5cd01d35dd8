// No pending or completed sign-in is lost when a server crashes.
import { expect } from '@playwright/test'
import { readCode } from './support/mail'
import { RoundRobinProxy } from './support/proxy'
import { Server } from './support/server'
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

/** Expects that one instance received the request for the code and the other one the code. */
function expectBothInstances(balancer: RoundRobinProxy): void {
  const calls = ['POST /api/auth/code', 'POST /api/auth/verify']
  expect(calls.map((call) => balancer.instanceOf(call)).sort()).toEqual([0, 1])
}

test('the code page survives a reload after kill -9 and a restart', async ({ page, sana }) => {
  await requestCode(page)
  const { code } = await readCode(sana.url, address)
  await sana.killAndRestart()
  await page.reload()
  await expect(page.getByText(address)).toBeVisible()
  await codeField(page).fill(code)
  await expectSignedIn(page)
})

test.describe('two instances behind a round-robin balancer', () => {
  const balanced = test.extend<{ balancer: RoundRobinProxy; instances: Server[] }>({
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of the fixtures
    balancer: async ({}, use) => {
      const balancer = await new RoundRobinProxy().listen()
      await use(balancer)
      await balancer.close()
    },
    instances: async ({ balancer, database, folder }, use, info) => {
      const instances: Server[] = []
      for (let i = 0; i < 2; i++) {
        const server = await Server.start({
          databaseUrl: database.url,
          folder,
          publicUrl: balancer.url,
          hops: 1,
        })
        instances.push(server)
        balancer.add(server.url)
      }
      await use(instances)
      for (const [i, server] of instances.entries()) {
        await server.kill()
        if (info.status !== info.expectedStatus)
          await info.attach(`log of instance ${i}`, { body: server.log })
      }
    },
    address: async ({ balancer, instances }, use) => {
      expect(instances).toHaveLength(2)
      await use(balancer.url)
    },
  })

  balanced(
    'a code requested at one instance is verified at the other',
    async ({ page, balancer }) => {
      await signIn(page, balancer.url)
      expectBothInstances(balancer)

      const before = balancer.requests.length
      for (let reload = 0; reload < 4; reload++) {
        await page.reload()
        await expectSignedIn(page)
      }
      const reads = balancer.requests
        .slice(before)
        .filter(({ call }) => call === 'GET /api/auth/session')
      expect(new Set(reads.map(({ instance }) => instance)), 'both know the session').toEqual(
        new Set([0, 1]),
      )

      await button(page, 'Sign out').click()
      await expect(page.getByText('You’ve signed out.')).toBeVisible()
      for (let reload = 0; reload < 2; reload++) {
        await page.reload()
        await expect(heading(page, 'Sign in')).toBeVisible()
      }
    },
  )

  balanced('a code survives kill -9 of both instances', async ({ page, balancer, instances }) => {
    await requestCode(page)
    const { code } = await readCode(balancer.url, address)
    await Promise.all(instances.map((server) => server.killAndRestart()))
    await codeField(page).fill(code)
    await expectSignedIn(page)
    expectBothInstances(balancer)
  })
})

test('an unavailable server is no sign-out, and the code is sent when it is back', async ({
  page,
  sana,
}) => {
  await requestCode(page)
  const { code } = await readCode(sana.url, address)
  await sana.kill()

  await codeField(page).fill(code)
  await expect(page.getByRole('alert')).toContainText('can’t reach')
  await expect(codeField(page)).toHaveValue(code)
  await expect(page.getByRole('alert')).toContainText('We’ll keep trying')
  // As when the user returns to this tab.
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
  await expect(page.locator('body')).not.toContainText(
    /signed out|session has ended|start over|expired/i,
  )

  await sana.start()
  await expectSignedIn(page, address, 40_000)
})

test('users stay signed in during an outage, and a sign-out is sent after it', async ({
  page,
  sana,
}) => {
  await signIn(page, sana.url)
  await sana.kill()
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
  await expect(page.getByText('can’t reach')).toBeVisible()
  await expectSignedIn(page)
  await button(page, 'Sign out').click()
  await expect(page.getByRole('alert')).toContainText('We’ll keep trying')
  await expectSignedIn(page)
  await sana.start()
  await expect(page.getByText('You’ve signed out.')).toBeVisible({ timeout: 40_000 })
  await page.reload()
  await expect(heading(page, 'Sign in')).toBeVisible()
})
