import { createReadStream } from 'node:fs'
import { dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Plugin } from 'vite'

const viewer = dirname(fileURLToPath(import.meta.resolve('swagger-ui-dist/package.json')))
const types: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.css': 'text/css' }
const files = ['swagger-ui-bundle.js', 'swagger-ui.css']

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width" />
    <title>API – Sana development</title>
    <link rel="stylesheet" href="/dev/api/swagger-ui.css" />
    <style>
      nav { font: 0.875rem/1.5 system-ui, sans-serif; padding: 1rem }
      nav a { margin-inline-end: 1rem }
    </style>
  </head>
  <body>
    <nav aria-label="Development pages">
      <a href="/dev">Development</a> <a href="/dev/inbox">Inbox</a>
      <a href="/auth/session-debug">This session</a>
      <a href="/dev/states">States</a>
    </nav>
    <div id="viewer"></div>
    <script src="/dev/api/swagger-ui-bundle.js"></script>
    <script>
      // The browser sends its own cookies: calls are made as the current user.
      SwaggerUIBundle({
        url: '/api/openapi.json',
        dom_id: '#viewer',
        deepLinking: true,
        tryItOutEnabled: true,
        filter: true,
      })
    </script>
  </body>
</html>
`

/**
 * /dev/api of Vite's dev server: the contract, to read and to call. It is not part of the build.
 */
export const apiPage: Plugin = {
  name: 'api-page',
  apply: 'serve',
  configureServer({ middlewares }) {
    middlewares.use((request, response, next) => {
      const { pathname } = new URL(request.url ?? '/', 'http://localhost')
      const file = files.find((name) => pathname === `/dev/api/${name}`)
      if (pathname === '/dev/api') {
        response.setHeader('Content-Type', 'text/html; charset=utf-8')
        response.end(page)
      } else if (file) {
        response.setHeader('Content-Type', types[extname(file)] ?? '')
        createReadStream(join(viewer, file)).on('error', next).pipe(response)
      } else next()
    })
  },
}
