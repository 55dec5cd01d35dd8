// A client that a common generator builds from the contract signs in.
import { join } from 'node:path'
import { createClient } from '@hey-api/openapi-ts'
import { expect } from '@playwright/test'
import { runnerImport } from 'vite'
import { root } from '../scripts/lib/paths.mjs'
import { readCode } from './support/mail'
import { test } from './support/test'

interface Result {
  data?: { mail?: string; user?: { email: string } }
  response: Response
}
type Call = (options: { body?: object; client: unknown }) => Promise<Result>
interface Generated {
  requestCode: Call
  verifyCode: Call
  getSession: Call
  signOut: Call
}
interface Client {
  createClient: (options: object) => unknown
}

/** A fetch that stores and sends cookies, as in a browser. */
function fetchWithCookies(): typeof fetch {
  const cookies = new Map<string, string>()
  return async (input, init) => {
    const request = new Request(input, init)
    request.headers.set('Cookie', [...cookies].map((pair) => pair.join('=')).join('; '))
    const response = await fetch(request)
    for (const line of response.headers.getSetCookie()) {
      const [name = '', value = ''] = line.split(';')[0]?.split('=') ?? []
      cookies.set(name, value)
    }
    return response
  }
}

test('a client that is generated from the contract signs in and out', async ({ sana }, info) => {
  const folder = info.outputPath('client')
  await createClient({
    input: join(root, 'backend/web/openapi.yaml'),
    output: folder,
    plugins: ['@hey-api/client-fetch', '@hey-api/typescript', '@hey-api/sdk'],
    logs: { level: 'silent' },
  })
  const bare = { configFile: false, logLevel: 'warn' } as const
  const { module: sdk } = await runnerImport<Generated>(join(folder, 'sdk.gen.ts'), bare)
  const { module: factory } = await runnerImport<Client>(join(folder, 'client/index.ts'), bare)
  const client = factory.createClient({
    baseUrl: sana.url,
    headers: { Origin: sana.url },
    fetch: fetchWithCookies(),
  })
  const email = 'generated@example.org'

  expect(
    (await sdk.requestCode({ client, body: { email } })).response.status,
    'the first response sets the browser token',
  ).toBe(409)
  expect((await sdk.requestCode({ client, body: { email } })).data?.mail).toBe('queued')
  const { code } = await readCode(sana.url, email)
  expect((await sdk.verifyCode({ client, body: { code } })).data?.user?.email).toBe(email)
  expect((await sdk.getSession({ client })).data?.user?.email).toBe(email)
  expect((await sdk.signOut({ client, body: {} })).response.status).toBe(204)
  expect((await sdk.getSession({ client })).response.status).toBe(401)
})
