/// <reference types="vitest/config" />
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { preact } from '@preact/preset-vite'
import { defineConfig, type Plugin } from 'vite'
import { apiPage } from './frontend/src/workbench/api.ts'
import { faultsInSight } from './frontend/src/workbench/faults.ts'
import { chosenAtDev, englishMeanwhile, liveTexts } from './frontend/src/workbench/live.ts'
import { builtWorkbench, workbench } from './frontend/src/workbench/plugin.ts'

const api = process.env.SANA_API ?? 'http://127.0.0.1:3001'

/**
 * Removes Vite's wrapper of import(), which waits for styles and preloads modules: ours have
 * neither.
 */
const plainImports: Plugin = {
  name: 'plain-imports',
  enforce: 'pre',
  apply: 'build',
  load: (id) =>
    id === '\0vite/preload-helper.js' ? 'export const __vitePreload = (load) => load()' : undefined,
}

/**
 * Nothing is drawn before the style is there: it comes within the page, which is one round trip
 * less. The server allows it by its hash.
 */
const styleInside: Plugin = {
  name: 'style-inside',
  apply: 'build',
  transformIndexHtml: {
    order: 'post',
    handler: (html, { bundle = {} }) => {
      const [link, name] = /\n\s*<link rel="stylesheet"[^>]* href="\/([^"]+)">/.exec(html) ?? []
      const sheet = bundle[name ?? '']
      if (!(link && name) || sheet?.type !== 'asset')
        throw new Error('the page has no style sheet to take in')
      delete bundle[name]
      return html
        .replace(link, '')
        .replace('</title>', () => `</title>\n    <style>${sheet.source}</style>`)
    },
  },
}

/**
 * The frame is painted from the page alone: nothing that the browser fetches is to come before
 * that.
 */
const scriptsAfterPaint: Plugin = {
  name: 'scripts-after-paint',
  apply: 'build',
  transformIndexHtml: {
    order: 'post',
    handler: (html) =>
      html.replace(
        /<(?:script(?: type="module")?|link rel="modulepreload")/g,
        '$& fetchpriority="low"',
      ),
  },
}

/**
 * Writes each script compressed with brotli and gzip too; the server sends what the client accepts.
 */
const compressed: Plugin = {
  name: 'compressed',
  apply: 'build',
  writeBundle: ({ dir = '' }) => {
    const assets = join(dir, 'assets')
    for (const name of readdirSync(assets).filter((name) => name.endsWith('.js'))) {
      const script = readFileSync(join(assets, name))
      writeFileSync(join(assets, `${name}.br`), brotliCompressSync(script))
      writeFileSync(join(assets, `${name}.gz`), gzipSync(script, { level: 9 }))
    }
  },
}

/**
 * start.js is sent without comments and indents only: browsers that are too old for what a minifier
 * writes read it.
 */
const withoutIndents: Plugin = {
  name: 'without-indents',
  apply: 'build',
  writeBundle: ({ dir = '' }) => {
    const file = join(dir, 'start.js')
    const comments = /^\s*(?:\/\/.*|\/\*[\s\S]*?\*\/)\n/gm
    writeFileSync(file, readFileSync(file, 'utf8').replace(comments, '').replace(/^\s+/gm, ''))
  },
}

export default defineConfig({
  root: 'frontend',
  envDir: '..',
  plugins: [
    workbench,
    builtWorkbench,
    faultsInSight,
    apiPage,
    englishMeanwhile,
    liveTexts,
    chosenAtDev,
    plainImports,
    styleInside,
    scriptsAfterPaint,
    compressed,
    withoutIndents,
    preact({ reactAliasesEnabled: false }),
  ],
  css: {
    modules: {
      // Names that say where they are from, and that index.html can use too.
      generateScopedName: (name, file) =>
        `${basename(file).replace(/\.module\.css.*/, '')}-${name}`,
    },
  },
  build: {
    outDir: 'dist',
    emptyOutDir: true,
    // The oldest browsers with light-dark() and AbortSignal.any(); nothing is rewritten for older
    // ones.
    target: ['chrome123', 'edge123', 'firefox124', 'safari17.5'],
    sourcemap: false,
    // The page's CSP allows neither inline scripts nor, outside img-src, data: addresses.
    assetsInlineLimit: 0,
    // One small file, and no page that waits for its own.
    cssCodeSplit: false,
    // The page names what its script imports; a list of what import() needs would be larger than
    // what it saves.
    modulePreload: {
      polyfill: false,
      resolveDependencies: (_, files, { hostType }) => (hostType === 'html' ? files : []),
    },
  },
  server: {
    host: '127.0.0.1',
    // A tunnel, for a phone.
    allowedHosts: process.env.PUBLIC_URL ? [new URL(process.env.PUBLIC_URL).hostname] : [],
    ...(process.env.VITE_PORT ? { port: Number(process.env.VITE_PORT), strictPort: true } : {}),
    proxy: {
      // An expression with an end, since '/dev' alone would also take every file of ours that
      // starts with it. Host and Origin stay as the browser sent them: the server compares the two.
      '^/(api|auth|dev|livez|readyz)(/|\\?|$)': { target: api, changeOrigin: false },
    },
  },
  test: {
    // A machine that is busy with the other tests is no fault of these.
    testTimeout: 30_000,
    environment: 'happy-dom',
    include: ['src/**/*.test.{ts,tsx}'],
    setupFiles: ['src/shared/testing/setup.ts'],
    css: { modules: { classNameStrategy: 'non-scoped' } },
    unstubGlobals: true,
    restoreMocks: true,
  },
})
