// The front end of docs/your-app.md runs unchanged from examples/.
import { join } from 'node:path'
import { expect } from '@playwright/test'
import { build } from 'vite'
import { root } from '../scripts/lib/paths.mjs'
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
