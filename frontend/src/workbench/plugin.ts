import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Plugin } from 'vite'

const appEntry = '/src/main.tsx'
const pages: Readonly<Record<string, string>> = {
  '/dev/states': '/src/workbench/list.tsx',
  '/dev/states/show': '/src/workbench/show.tsx',
}

/**
 * The workbench: Vite's dev server shows it at /dev/states, before it passes the rest of /dev on to Sana; a build in the
 * mode `states` is of the page that shows one state, for the tests. The app's own build has nothing of it.
 */
export const workbench: Plugin = {
  name: 'workbench',

  configureServer({ config, middlewares, transformIndexHtml }) {
    middlewares.use((request, response, next) => {
      const entry = pages[new URL(request.url ?? '/', 'http://localhost').pathname]
      if (!entry) return next()
      const page = async () => {
        const html = await readFile(join(config.root, 'index.html'), 'utf8')
        response.setHeader('Content-Type', 'text/html; charset=utf-8')
        response.end(await transformIndexHtml(request.url ?? '/', html.replace(appEntry, entry)))
      }
      page().catch(next)
    })
  },

  transformIndexHtml: {
    order: 'pre',
    handler: (html, { server }) =>
      server || process.env.SANA_BUILD !== 'states' ? html : html.replace(appEntry, '/src/workbench/show.tsx'),
  },
}
