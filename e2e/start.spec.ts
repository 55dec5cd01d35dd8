// npm start and npm run dev in a real folder: they stop every process that they started, and keep
// their data.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test as base, expect } from '@playwright/test'
import { waitFor } from '../scripts/lib/interrupt.mjs'
import { freePort } from '../scripts/lib/ports.mjs'
import { Checkout, isAlive, killAndWait, type Run } from './support/checkout'
import { createDatabase } from './support/database'
import { Visitor } from './support/visitor'

interface Place {
  checkout: Checkout
  port: number
  env: { PORT: string; PUBLIC_URL: string }
  visitor: Visitor
}

const test = base.extend<{ place: Place }, { checkout: Checkout }>({
  checkout: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads what a test needs
    async ({}, use) => {
      const checkout = new Checkout()
      await use(checkout)
      await checkout.remove()
    },
    { scope: 'worker' },
  ],
  place: async ({ checkout }, use) => {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    await use({
      checkout,
      port,
      env: { PORT: String(port), PUBLIC_URL: url },
      visitor: new Visitor(url),
    })
    await checkout.endAll()
  },
})

// The tests share a folder, and the first one creates the database there.
test.describe.configure({ mode: 'serial', timeout: 400_000 })

const listens = async (port: number) =>
  (await fetch(`http://127.0.0.1:${port}/livez`).catch(() => undefined)) !== undefined

async function started({ checkout, env }: Place): Promise<Run> {
  const run = checkout.run('start', env)
  await run.isReady()
  return run
}

test('a start prints the address, Ctrl-C stops everything, and sessions survive the next start', async ({
  place,
}) => {
  const { checkout, port, env, visitor } = place
  const first = checkout.npmStart(env)
  await first.isReady()
  expect(first.output).toContain(`http://127.0.0.1:${port}\n`)
  expect(first.output).toContain(`http://127.0.0.1:${port}/dev/inbox\n`)
  await visitor.signIn()
  const { postgresPid } = checkout
  expect(isAlive(postgresPid)).toBe(true)

  // npm receives the signal and passes it on; by then the script has received it too.
  expect(await first.signalGroup('SIGINT')).toBe(0)
  expect(await listens(port)).toBe(false)
  expect(isAlive(postgresPid)).toBe(false)
  expect(checkout.serverPids).toEqual([])

  expect(first.output, 'the server had its database until its end').not.toMatch(
    /level=(WARN|ERROR)|Lost Postgres/,
  )

  const second = await started(place)
  expect(second.output, 'no package is installed and nothing is rebuilt').not.toMatch(
    /Installing|Building the single-page app/,
  )
  expect(await visitor.whoAmI()).toBe(visitor.address)
})

test('SIGTERM to npm alone stops all of it too', async ({ place }) => {
  const { checkout, port, env } = place
  const run = checkout.npmStart(env)
  await run.isReady()
  const { postgresPid } = checkout
  expect(await run.signal('SIGTERM')).toBe(0)
  expect(await listens(port)).toBe(false)
  expect(isAlive(postgresPid)).toBe(false)
})

test('sessions survive kill -9 of everything', async ({ place }) => {
  const { checkout, visitor } = place
  const run = await started(place)
  await visitor.signIn()
  const pids = [...checkout.serverPids, checkout.postgresPid]
  expect(pids).toHaveLength(2)
  await run.signal('SIGKILL')
  await Promise.all(pids.map(killAndWait))

  await started(place)
  expect(await visitor.whoAmI()).toBe(visitor.address)
})

test('after kill -9 of the script alone, a start takes over its processes', async ({ place }) => {
  const { checkout, port, visitor } = place
  const run = await started(place)
  await visitor.signIn()
  const { postgresPid, serverPids } = checkout
  await run.signal('SIGKILL')
  expect(await listens(port), 'the server is still there').toBe(true)

  const next = await started(place)
  expect(serverPids.filter(isAlive)).toEqual([])
  expect(checkout.postgresPid, 'Postgres is used as it is').toBe(postgresPid)
  expect(await visitor.whoAmI()).toBe(visitor.address)
  expect(await next.signal('SIGINT')).toBe(0)
  expect(isAlive(postgresPid), 'and stopped at the end').toBe(false)
})

test('kill -9 of npm alone stops everything', async ({ place }) => {
  const { checkout, port, env } = place
  const run = checkout.npmStart(env)
  await run.isReady()
  const { postgresPid } = checkout
  await run.signal('SIGKILL')
  await waitFor(() => !isAlive(postgresPid), { timeout: 20_000 })
  expect(isAlive(postgresPid)).toBe(false)
  expect(await listens(port)).toBe(false)
})

test('the pid file of a killed Postgres may name a stranger by now', async ({ place }) => {
  const { checkout, visitor } = place
  const run = await started(place)
  await visitor.signIn()
  const pids = [...checkout.serverPids, checkout.postgresPid]
  await run.signal('SIGKILL')
  await Promise.all(pids.map(killAndWait))
  // The process must be of the same user: Postgres knows that another user's process cannot be its
  // own.
  const pidFile = join(checkout.folder, '.data/postgres/data/postmaster.pid')
  const { uid, gid } = statSync(pidFile)
  const stranger = spawn('sleep', ['600'], {
    stdio: 'ignore',
    ...(process.getuid?.() === 0 && { uid, gid }),
  })
  writeFileSync(pidFile, readFileSync(pidFile, 'utf8').replace(/^\d+/, String(stranger.pid)))

  await started(place)
  expect(await visitor.whoAmI()).toBe(visitor.address)
  expect(isAlive(stranger.pid ?? 0)).toBe(true)
  stranger.kill()
})

test('two starts in one folder share the database, which goes with the last of them', async ({
  place,
}) => {
  const { checkout, visitor } = place
  const first = await started(place)
  await visitor.signIn()
  const { postgresPid } = checkout
  const port = await freePort()
  const second = checkout.run('start', {
    PORT: String(port),
    PUBLIC_URL: `http://127.0.0.1:${port}`,
  })
  await second.isReady()
  expect(checkout.postgresPid).toBe(postgresPid)

  expect(await first.signal('SIGINT')).toBe(0)
  expect(isAlive(postgresPid)).toBe(true)
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200)
  expect(await second.signal('SIGINT')).toBe(0)
  expect(isAlive(postgresPid)).toBe(false)
})

test('a making of the database that was cut short is begun anew', async ({ place }) => {
  const { checkout } = place
  const half = join(checkout.folder, '.data/postgres.new-1')
  mkdirSync(join(half, 'data'), { recursive: true })
  checkout.setAside('.data/postgres')
  await started(place)
  expect(existsSync(half)).toBe(false)
  expect(existsSync(join(checkout.folder, '.data/postgres/data/PG_VERSION'))).toBe(true)
})

test('a port in use is reported in one line', async ({ place }) => {
  const { checkout, port, env } = place
  const squatter = createServer().listen(port, '127.0.0.1')
  const run = checkout.run('start', env)
  expect(await run.exitCode()).toBe(1)
  squatter.close()
  expect(run.output).toContain(`Port ${port} is in use: stop the process`)
  expect(run.output).not.toContain('    at ')
})

test('a crash of the server is reported and stops Postgres', async ({ place }) => {
  const { checkout } = place
  const run = await started(place)
  const { postgresPid, serverPids } = checkout
  await Promise.all(serverPids.map(killAndWait))
  expect(await run.exitCode()).toBe(1)
  expect(run.output).toContain('The server exited (SIGKILL)')
  expect(isAlive(postgresPid)).toBe(false)
})

test('a crash of Postgres is reported and stops the server', async ({ place }) => {
  const { checkout, port } = place
  const run = await started(place)
  await killAndWait(checkout.postgresPid)
  expect(await run.exitCode()).toBe(1)
  expect(run.output).toContain('Lost Postgres')
  expect(await listens(port)).toBe(false)
})

test('DATABASE_URL is used instead of a Postgres of our own', async ({ place }) => {
  const { checkout, env, visitor } = place
  const database = await createDatabase()
  checkout.setAside('.data')
  const run = checkout.run('start', { ...env, DATABASE_URL: database.url })
  await run.isReady()
  await visitor.signIn()
  expect(existsSync(join(checkout.folder, '.data/postgres'))).toBe(false)
  expect(await run.signal('SIGINT')).toBe(0)
  await database.drop()
})

test('npm run dev: the server follows its sources, and a broken one changes nothing', async ({
  place,
}) => {
  const { checkout, port, env } = place
  const run = checkout.run('dev', env)
  await run.isReady()
  const url = `http://127.0.0.1:${port}`
  const instance = async () => {
    const answer = await fetch(`${url}/readyz`).catch(() => undefined)
    return answer?.ok ? (await answer.json()).instance : undefined
  }
  const first = await instance()
  expect(first).toBeTruthy()
  expect(await (await fetch(url)).text(), 'the page comes from Vite').toContain('/src/main.tsx')

  const source = join(checkout.folder, 'backend/main.go')
  const sound = readFileSync(source, 'utf8')
  writeFileSync(source, `${sound}\nfunc broken( {}\n`)
  await run.says('Building the server failed')
  expect(await instance(), 'the old one is still there').toBe(first)

  writeFileSync(source, `${sound}\n// changed\n`)
  const second = await waitFor(async () => [await instance()].find((now) => now && now !== first), {
    timeout: 180_000,
  })
  expect(second, 'a new one has taken its place').toBeTruthy()

  // Files that Go embeds count as sources.
  const english = join(checkout.folder, 'backend/mail/templates/languages/en.arb')
  const texts = readFileSync(english, 'utf8')
  writeFileSync(english, texts.replace(/^{/, '{{'))
  await run.says('The server did not start')
  writeFileSync(english, texts)
  await waitFor(async () => [await instance()].find((now) => now && now !== second), {
    timeout: 180_000,
  })

  writeFileSync(
    join(checkout.folder, 'frontend/src/broken.ts'),
    "export const broken: number = 'text'\n",
  )
  await run.says('frontend/src/broken.ts(1,14): error TS2322')
  expect(checkout.processes.join('\n'), 'the compiler watches').toContain('--watch')

  expect(await run.signal('SIGINT')).toBe(0)
  expect(await listens(port)).toBe(false)
  expect(checkout.processes).toEqual([])
})

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`npm run dev leaves no process behind when npm gets ${signal}`, async ({ place }) => {
    const { checkout, env } = place
    const run = checkout.npm(['run', 'dev'], env)
    await run.isReady()
    await waitFor(() => checkout.processes.some((line) => line.includes('--watch')), {
      timeout: 60_000,
    })
    await run.signal(signal)
    await waitFor(() => checkout.processes.length === 0, { timeout: 60_000 })
    expect(checkout.processes).toEqual([])
  })
}

test('npm run dev reports why there is no server, and ends', async ({ place }) => {
  const { checkout, env } = place
  const database = await createDatabase()
  const url = new URL(database.url)
  url.password = 'wrong'
  const run = checkout.run('dev', { ...env, DATABASE_URL: url.href })
  expect(await run.exitCode()).toBe(1)
  expect(run.output).toContain('password authentication failed')
  expect(run.output).not.toContain('Sana is running')
  await database.drop()
})
