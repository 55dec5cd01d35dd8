// The workbench is for developers: the built pages and the binary contain none of it.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from '@playwright/test'
import { spaDir } from '../scripts/lib/paths.mjs'
import { test } from './support/test'

test('the built pages and the binary contain nothing of the workbench', async ({
  request,
  sana,
}) => {
  const files = readdirSync(spaDir, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(html|js|css)$/.test(name),
  )
  expect(files.length).toBeGreaterThan(3)
  for (const name of files) {
    // The texts, names and example user of the workbench.
    expect(readFileSync(join(spaDir, name), 'utf8'), name).not.toMatch(
      /there is no state|workbench|swagger|grace@example\.org/,
    )
  }
  for (const path of [
    '/dev/states',
    '/dev/states/show?state=home/signed-in',
    '/dev/api',
    '/dev/api/swagger-ui.css',
  ]) {
    const response = await request.get(`${sana.url}${path}`, { headers: { Accept: 'text/html' } })
    expect(response.status(), path).toBe(404)
    expect(await response.text(), path).not.toMatch(/<script [^>]*src|swagger|there is no state/)
  }
})
