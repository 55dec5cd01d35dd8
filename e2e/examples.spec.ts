// The examples of docs/your-app.md run unchanged from examples/.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect } from '@playwright/test'
import { build } from 'vite'
import { waitFor } from '../scripts/lib/interrupt.mjs'
import { root } from '../scripts/lib/paths.mjs'
import { freePort } from '../scripts/lib/ports.mjs'
import { readCode } from './support/mail'
import { test } from './support/test'

test('a custom front end on the same host signs in and out', async ({ page, sana }, info) => {
  const dist = info.outputPath('dist')
  await build({
    root: join(root, 'examples/front-end'),
    configFile: false,
    base: '/mine/',
    logLevel: 'warn',
    build: { outDir: dist, target: 'es2022' },
  })
  // The files are served as a proxy would: at the same host, beside Sana's /api/.
  await page.route('**/mine/**', (route) => {
    const path = new URL(route.request().url()).pathname.replace('/mine/', '') || 'index.html'
    return route.fulfill({ path: join(dist, path) })
  })
  const email = 'front-end@example.org'

  await page.goto('/mine/')
  await page.getByLabel('Email').fill(email)
  await page.getByRole('button', { name: 'Email me a code' }).click()
  await expect(page.getByRole('status')).toHaveText(`We sent a code to ${email}.`)
  const { code } = await readCode(sana.url, email)
  await page.getByLabel('Code').fill(code)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await expect(page.getByRole('status')).toHaveText(`You are signed in as ${email}.`)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await expect(page.getByRole('status')).toHaveText('Sign in with a code.')
})

const programs: Record<string, [command: string, args: string[], folder: string]> = {
  Node: [process.execPath, ['app.mjs'], 'node'],
  Go: ['go', ['run', '.'], 'go'],
}

for (const [name, [command, args, folder]] of Object.entries(programs)) {
  // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of the fixtures
  test(`an app in ${name} reads its user from the headers and requires them`, async ({}) => {
    const port = await freePort()
    const env = { ...process.env, PORT: String(port) }
    const cwd = join(root, 'examples/your-app', folder)
    const app = spawn(command, args, { cwd, env, stdio: 'ignore', detached: true })
    const exited = once(app, 'exit')
    const get = (headers = {}) =>
      fetch(`http://127.0.0.1:${port}/`, { headers }).catch(() => undefined)
    try {
      await waitFor(async () => (await get()) !== undefined, { timeout: 60_000 })
      expect((await get())?.status).toBe(403)
      const identity = {
        'Remote-User': 'ada@example.org',
        'Remote-Email': 'ada@example.org',
        'Remote-Name': 'Ada',
        'Remote-Groups': 'ops,staff',
        'Remote-Id': '7b0c4a52-6f0e-4c1e-9d5c-0e6a7a3d2f10',
      }
      const response = await get(identity)
      expect(await response?.json()).toEqual({
        id: identity['Remote-Id'],
        email: 'ada@example.org',
        name: 'Ada',
        groups: ['ops', 'staff'],
      })
    } finally {
      process.kill(-(app.pid ?? 0), 'SIGKILL')
      await exited
    }
  })
}
