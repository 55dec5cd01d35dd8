// The workbench of the pages, built for tests and pictures: every page in every state, with canned
// answers.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { extname, join } from 'node:path'
import { dataDir, root, tools } from './paths.mjs'
import { mustRun } from './processes.mjs'

const dir = join(dataDir, 'states')
const types = {
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
}

/** @returns {Promise<string[]>} the ids of all states */
export async function buildWorkbench() {
  const env = { ...process.env, NODE_ENV: 'production' }
  const build = [
    'build',
    '--mode',
    'states',
    '--outDir',
    dir,
    '--emptyOutDir',
    '--logLevel',
    'warn',
  ]
  await mustRun('Building the workbench', process.execPath, [tools.vite, ...build], { env })
  const { runnerImport } = await import('vite')
  const config = { root: join(root, 'frontend'), configFile: false, logLevel: 'warn' }
  const { module } = await runnerImport(
    join(root, 'frontend/src/workbench/registry.ts'),
    /** @type {any} */ (config),
  )
  return module.found.map((/** @type {{ id: string }} */ { id }) => id)
}

/**
 * Serves it as Sana serves the pages: with the same policy, and the same page at every path.
 * @returns {Promise<{ url: string, close: () => void }>}
 */
export async function serveWorkbench() {
  const policy = pagesPolicy(readFileSync(join(dir, 'index.html'), 'utf8'))
  const server = createServer(({ url = '/' }, response) => {
    const { pathname } = new URL(url, 'http://localhost')
    const type = types[/** @type {keyof typeof types} */ (extname(pathname))]
    response.setHeader('Content-Type', type ?? 'text/html; charset=utf-8')
    response.setHeader('Content-Security-Policy', policy)
    // Browsers cache compiled scripts only if they may cache the script.
    if (pathname.startsWith('/assets/'))
      response.setHeader('Cache-Control', 'max-age=3600, immutable')
    response.end(readFileSync(join(dir, type ? pathname : 'index.html')))
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  // Passkeys need a host name.
  return { url: `http://localhost:${port}`, close: () => server.close() }
}

/**
 * Returns the policy of the server's source, with the hash of the page's style.
 * @param {string} page
 */
function pagesPolicy(page) {
  const source = readFileSync(join(root, 'backend/web/static/static.go'), 'utf8')
  const literal = /policySPA += ((?:"[^"]*"(?: \+\s+)?)+)/.exec(source)?.[1]
  if (!literal) throw new Error('backend/web/static/static.go has no policySPA')
  const policy = [...literal.matchAll(/"([^"]*)"/g)].map(([, part]) => part).join('')
  const style = /<style>([\s\S]*?)<\/style>/.exec(page)?.[1] ?? ''
  const hash = createHash('sha256').update(style).digest('base64')
  return policy.replace("style-src 'self'", `style-src 'self' 'sha256-${hash}'`)
}
