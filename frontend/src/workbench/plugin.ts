import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Plugin } from 'vite'

const appEntry = '/src/main.tsx'
const pages: Readonly<Record<string, string>> = {
  '/dev/states': '/src/workbench/list.tsx',
  '/dev/states/show': '/src/workbench/show.tsx',
}

/**
 * The workbench of Vite's dev server, which it shows at /dev/states before the rest of /dev is
 * passed on to Sana.
 */
export const workbench: Plugin = {
  name: 'workbench',
  apply: 'serve',
  configureServer({ config, middlewares, transformIndexHtml }) {
    middlewares.use((request, response, next) => {
      const entry = pages[new URL(request.url ?? '/', 'http://localhost').pathname]
      if (!entry) return next()
      const answer = async () => {
        const html = await readFile(join(config.root, 'index.html'), 'utf8')
        response.setHeader('Content-Type', 'text/html; charset=utf-8')
        response.end(await transformIndexHtml(request.url ?? '/', html.replace(appEntry, entry)))
      }
      answer().catch(next)
    })
  },
}

/**
 * With `vite build --mode states`, the built page shows one state; the app's own build does not
 * include it.
 */
export const builtWorkbench: Plugin = {
  name: 'built-workbench',
  apply: (_, { command, mode }) => command === 'build' && mode === 'states',
  transformIndexHtml: {
    order: 'pre',
    handler: (html) => html.replace(appEntry, '/src/workbench/show.tsx'),
  },
}
