import { render } from 'preact'
import { App } from './app/App'
import { replaceTexts, speak } from './shared/i18n/text'
import { kept } from './shared/kept'
import './shared/ui/base.css'

const root = document.getElementById('root')
// Nothing is drawn before its language is there, so that no other one flashes up.
await speak([kept('language'), ...navigator.languages])
if (root) render(<App />, root)

import.meta.hot?.on('sana:texts', ({ language, texts }) => {
  if (root && replaceTexts(language, texts)) render(<App />, root)
})
