import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import type { Plugin } from 'vite'

const catalogue = /\/shared\/i18n\/.*\.json$/

/** The texts of a file, completed with English. Throws if a file is not JSON. */
function textsIn(file: string): object {
  const read = (path: string): Record<string, unknown> => JSON.parse(readFileSync(path, 'utf8'))
  const english = read(join(dirname(file), 'en.json'))
  const translated = Object.entries(read(file)).filter(([, text]) => text !== null)
  return { ...english, ...Object.fromEntries(translated) }
}

/**
 * A text that is null or missing is shown in English, in the build too. `npm run check` reports it.
 */
export const englishMeanwhile: Plugin = {
  name: 'english-meanwhile',
  enforce: 'pre',
  load: (id) => (catalogue.test(id) ? JSON.stringify(textsIn(id)) : undefined),
}

/**
 * A changed text is shown at once, and typed text stays: the page receives the texts instead of
 * being reloaded.
 */
export const liveTexts: Plugin = {
  name: 'live-texts',
  apply: 'serve',
  handleHotUpdate({ file, server }) {
    if (!catalogue.test(file)) return
    try {
      const data = { language: basename(file, '.json'), texts: textsIn(file) }
      server.ws.send({ type: 'custom', event: 'sana:texts', data })
    } catch (error) {
      server.config.logger.error(`${file}: ${error}`)
    }
    return []
  },
}

/** The pages of `npm run dev` take the language and the theme that were chosen at /dev. */
export const chosenAtDev: Plugin = {
  name: 'chosen-at-dev',
  apply: 'serve',
  transformIndexHtml: () => [
    {
      tag: 'script',
      injectTo: 'head-prepend',
      children: `{
        const { language, theme } = JSON.parse(localStorage.getItem('sana-development') ?? '{}')
        if (language) Object.defineProperty(navigator, 'languages', { get: () => [language] })
        if (theme) document.documentElement.style.colorScheme = theme
      }`,
    },
  ],
}
