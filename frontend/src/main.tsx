import { render } from 'preact'
import { App } from './app/App'
import { loadLanguage, replaceTexts } from './shared/i18n/text'
import { kept } from './shared/kept'
import './shared/ui/base.css'

const root = document.getElementById('root')
const draw = () => {
  if (root) render(<App />, root)
}
// Nothing is drawn before its language is there, so that no other one flashes up. Not awaited: the
// pages that are loaded later would then need a file of their own for what they share with this
// one. A fault in a microtask is an error event, which start.js waits for; in a promise it is none.
loadLanguage([kept('language'), ...navigator.languages]).then(() => queueMicrotask(draw))

import.meta.hot?.on('sana:texts', ({ language, texts }) => {
  if (replaceTexts(language, texts)) draw()
})
