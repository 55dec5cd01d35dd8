// The workbench is for developers of the pages: users receive nothing of it.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from '@playwright/test'
import { spaDir } from '../scripts/lib/paths.mjs'
import { test } from './support/test'

test('neither the built pages nor the binary have anything of the workbench', async ({
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
    const answer = await request.get(`${sana.url}${path}`, { headers: { Accept: 'text/html' } })
    expect(answer.status(), path).toBe(404)
    expect(await answer.text(), path).not.toMatch(/<script [^>]*src|swagger|there is no state/)
  }
})
