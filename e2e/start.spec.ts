// npm start and npm run dev in a real folder: they stop every process that they start, and keep
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

interface Setup {
  checkout: Checkout
  port: number
  env: { PORT: string; PUBLIC_URL: string }
  visitor: Visitor
}

const test = base.extend<{ setup: Setup }, { checkout: Checkout }>({
  checkout: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the names of the fixtures
    async ({}, use) => {
      const checkout = new Checkout()
      await use(checkout)
      await checkout.remove()
    },
    { scope: 'worker' },
  ],
  setup: async ({ checkout }, use) => {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    await use({
      checkout,
      port,
      env: { PORT: String(port), PUBLIC_URL: url },
      visitor: new Visitor(url),
    })
    await checkout.stopAll()
  },
})

// The tests share a folder, and the first one creates the database there.
test.describe.configure({ mode: 'serial', timeout: 400_000 })

const isListening = async (port: number) =>
  (await fetch(`http://127.0.0.1:${port}/livez`).catch(() => undefined)) !== undefined

async function start({ checkout, env }: Setup): Promise<Run> {
  const run = checkout.run('start', env)
  await run.waitUntilReady()
  return run
}

test('Ctrl-C stops everything, and sessions survive the next start', async ({ setup }) => {
  const { checkout, port, env, visitor } = setup
  const first = checkout.npm(['start'], env)
  await first.waitUntilReady()
  expect(first.output).toContain(`http://127.0.0.1:${port}\n`)
  expect(first.output).toContain(`http://127.0.0.1:${port}/dev/inbox\n`)
  await visitor.signIn()
  const { postgresPid } = checkout
  expect(isAlive(postgresPid)).toBe(true)

  // npm receives the signal and passes it on; by then the script has received it too.
  expect(await first.signalGroup('SIGINT')).toBe(0)
  expect(await isListening(port)).toBe(false)
  expect(isAlive(postgresPid)).toBe(false)
  expect(checkout.serverPids).toEqual([])

  expect(first.output, 'the server had its database until it exited').not.toMatch(
    /level=(WARN|ERROR)|Lost Postgres/,
  )

  const second = await start(setup)
  expect(second.output, 'no package is installed and nothing is rebuilt').not.toMatch(
    /Installing|Building the single-page app/,
  )
  expect(await visitor.currentUser()).toBe(visitor.address)
})

test('SIGTERM to npm alone stops everything', async ({ setup }) => {
  const { checkout, port, env } = setup
  const run = checkout.npm(['start'], env)
  await run.waitUntilReady()
  const { postgresPid } = checkout
  expect(await run.signal('SIGTERM')).toBe(0)
  expect(await isListening(port)).toBe(false)
  expect(isAlive(postgresPid)).toBe(false)
})

test('sessions survive kill -9 of everything', async ({ setup }) => {
  const { checkout, visitor } = setup
  const run = await start(setup)
  await visitor.signIn()
  const pids = [...checkout.serverPids, checkout.postgresPid]
  expect(pids).toHaveLength(2)
  await run.signal('SIGKILL')
  await Promise.all(pids.map(killAndWait))

  await start(setup)
  expect(await visitor.currentUser()).toBe(visitor.address)
})

test('after kill -9 of the script alone, a start takes over its processes', async ({ setup }) => {
  const { checkout, port, visitor } = setup
  const run = await start(setup)
  await visitor.signIn()
  const { postgresPid, serverPids } = checkout
  await run.signal('SIGKILL')
  expect(await isListening(port), 'the server still runs').toBe(true)

  const next = await start(setup)
  expect(serverPids.filter(isAlive)).toEqual([])
  expect(checkout.postgresPid, 'Postgres was not restarted').toBe(postgresPid)
  expect(await visitor.currentUser()).toBe(visitor.address)
  expect(await next.signal('SIGINT')).toBe(0)
  expect(isAlive(postgresPid), 'Postgres is stopped at the end').toBe(false)
})

test('kill -9 of npm alone stops everything', async ({ setup }) => {
  const { checkout, port, env } = setup
  const run = checkout.npm(['start'], env)
  await run.waitUntilReady()
  const { postgresPid } = checkout
  await run.signal('SIGKILL')
  await waitFor(() => !isAlive(postgresPid), { timeout: 20_000 })
  expect(isAlive(postgresPid)).toBe(false)
  expect(await isListening(port)).toBe(false)
})

test('a stale pid file of Postgres may name another process', async ({ setup }) => {
  const { checkout, visitor } = setup
  const run = await start(setup)
  await visitor.signIn()
  const pids = [...checkout.serverPids, checkout.postgresPid]
  await run.signal('SIGKILL')
  await Promise.all(pids.map(killAndWait))
  // The process must be of the same user: Postgres ignores a process of another user.
  const pidFile = join(checkout.folder, '.data/postgres/data/postmaster.pid')
  const { uid, gid } = statSync(pidFile)
  const otherProcess = spawn('sleep', ['600'], {
    stdio: 'ignore',
    ...(process.getuid?.() === 0 && { uid, gid }),
  })
  writeFileSync(pidFile, readFileSync(pidFile, 'utf8').replace(/^\d+/, String(otherProcess.pid)))

  await start(setup)
  expect(await visitor.currentUser()).toBe(visitor.address)
  expect(isAlive(otherProcess.pid ?? 0)).toBe(true)
  otherProcess.kill()
})

test('two starts in one folder share the database, which stops with the last one', async ({
  setup,
}) => {
  const { checkout, visitor } = setup
  const first = await start(setup)
  await visitor.signIn()
  const { postgresPid } = checkout
  const port = await freePort()
  const second = checkout.run('start', {
    PORT: String(port),
    PUBLIC_URL: `http://127.0.0.1:${port}`,
  })
  await second.waitUntilReady()
  expect(checkout.postgresPid).toBe(postgresPid)

  expect(await first.signal('SIGINT')).toBe(0)
  expect(isAlive(postgresPid)).toBe(true)
  expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200)
  expect(await second.signal('SIGINT')).toBe(0)
  expect(isAlive(postgresPid)).toBe(false)
})

test('an interrupted creation of the database is repeated', async ({ setup }) => {
  const { checkout } = setup
  const unfinished = join(checkout.folder, '.data/postgres.new-1')
  mkdirSync(join(unfinished, 'data'), { recursive: true })
  checkout.moveAway('.data/postgres')
  await start(setup)
  expect(existsSync(unfinished)).toBe(false)
  expect(existsSync(join(checkout.folder, '.data/postgres/data/PG_VERSION'))).toBe(true)
})

test('a port in use is reported in one line', async ({ setup }) => {
  const { checkout, port, env } = setup
  const otherServer = createServer().listen(port, '127.0.0.1')
  const run = checkout.run('start', env)
  expect(await run.exitCode()).toBe(1)
  otherServer.close()
  expect(run.output).toContain(`Port ${port} is in use: stop the process`)
  expect(run.output).not.toContain('    at ')
})

test('a crash of the server is reported and stops Postgres', async ({ setup }) => {
  const { checkout } = setup
  const run = await start(setup)
  const { postgresPid, serverPids } = checkout
  await Promise.all(serverPids.map(killAndWait))
  expect(await run.exitCode()).toBe(1)
  expect(run.output).toContain('The server exited (SIGKILL)')
  expect(isAlive(postgresPid)).toBe(false)
})

test('a crash of Postgres is reported and stops the server', async ({ setup }) => {
  const { checkout, port } = setup
  const run = await start(setup)
  await killAndWait(checkout.postgresPid)
  expect(await run.exitCode()).toBe(1)
  expect(run.output).toContain('Lost Postgres')
  expect(await isListening(port)).toBe(false)
})

test('DATABASE_URL replaces the bundled Postgres', async ({ setup }) => {
  const { checkout, env, visitor } = setup
  const database = await createDatabase()
  checkout.moveAway('.data')
  const run = checkout.run('start', { ...env, DATABASE_URL: database.url })
  await run.waitUntilReady()
  await visitor.signIn()
  expect(existsSync(join(checkout.folder, '.data/postgres'))).toBe(false)
  expect(await run.signal('SIGINT')).toBe(0)
  await database.drop()
})

test('npm run dev rebuilds the server, and keeps the old one if the build fails', async ({
  setup,
}) => {
  const { checkout, port, env } = setup
  const run = checkout.run('dev', env)
  await run.waitUntilReady()
  const url = `http://127.0.0.1:${port}`
  const instance = async () => {
    const response = await fetch(`${url}/readyz`).catch(() => undefined)
    return response?.ok ? (await response.json()).instance : undefined
  }
  const first = await instance()
  expect(first).toBeTruthy()
  expect(await (await fetch(url)).text(), 'the page comes from Vite').toContain('/src/main.tsx')

  const source = join(checkout.folder, 'backend/main.go')
  const original = readFileSync(source, 'utf8')
  writeFileSync(source, `${original}\nfunc broken( {}\n`)
  await run.waitForOutput('Building the server failed')
  expect(await instance(), 'the old instance still runs').toBe(first)

  writeFileSync(source, `${original}\n// changed\n`)
  const second = await waitFor(async () => [await instance()].find((id) => id && id !== first), {
    timeout: 180_000,
  })
  expect(second, 'a new instance runs').toBeTruthy()

  // Files that Go embeds count as sources.
  const english = join(checkout.folder, 'backend/mail/templates/languages/en.arb')
  const texts = readFileSync(english, 'utf8')
  writeFileSync(english, texts.replace(/^{/, '{{'))
  await run.waitForOutput('The server did not start')
  writeFileSync(english, texts)
  await waitFor(async () => [await instance()].find((id) => id && id !== second), {
    timeout: 180_000,
  })

  writeFileSync(
    join(checkout.folder, 'frontend/src/broken.ts'),
    "export const broken: number = 'text'\n",
  )
  await run.waitForOutput('frontend/src/broken.ts(1,14): error TS2322')
  expect(checkout.processes.join('\n'), 'the compiler watches').toContain('--watch')

  expect(await run.signal('SIGINT')).toBe(0)
  expect(await isListening(port)).toBe(false)
  expect(checkout.processes).toEqual([])
})

for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
  test(`npm run dev leaves no process behind when npm gets ${signal}`, async ({ setup }) => {
    const { checkout, env } = setup
    const run = checkout.npm(['run', 'dev'], env)
    await run.waitUntilReady()
    await waitFor(() => checkout.processes.some((line) => line.includes('--watch')), {
      timeout: 60_000,
    })
    await run.signal(signal)
    await waitFor(() => checkout.processes.length === 0, { timeout: 60_000 })
    expect(checkout.processes).toEqual([])
  })
}

test('npm run dev reports why the server did not start, and exits', async ({ setup }) => {
  const { checkout, env } = setup
  const database = await createDatabase()
  const url = new URL(database.url)
  url.password = 'wrong'
  const run = checkout.run('dev', { ...env, DATABASE_URL: url.href })
  expect(await run.exitCode()).toBe(1)
  expect(run.output).toContain('password authentication failed')
  expect(run.output).not.toContain('Sana is running')
  await database.drop()
})
