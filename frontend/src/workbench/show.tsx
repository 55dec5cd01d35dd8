// One state: the real app, with a fake server that gives canned responses. It replaces main.tsx
// (see ./plugin.ts); the query has `state`, and optionally `language`, `theme` (light, dark) and
// `text` (the size of the text).
import { render } from 'preact'
import { App } from '../app/App'
import { loadLanguage, loadLazyTexts } from '../shared/i18n/text'
import { keep } from '../shared/keep'
import { simulatePasskeys } from '../shared/testing/passkeys'
import { FakeServer } from '../shared/testing/server'
import { repliesOf } from '../shared/testing/states'
import { shifts, stepTaken, violations, watch } from './inspect/witness'
import { found } from './registry'
import { settled, standInForStorage, take, takeAway, untilShown } from './steps'
import '../shared/ui/base.css'

const query = new URLSearchParams(location.search)
const state = found.find(({ id }) => id === query.get('state'))
if (!state) throw new Error(`there is no state ${query.get('state')}`)

watch()
new FakeServer(repliesOf(state.responses))
takeAway(state.without)
simulatePasskeys(state.passkeys)
// Other states' values are not this one's, and the developer's own must stay.
standInForStorage()
if (state.lastEmail) keep('email', state.lastEmail)
history.replaceState(null, '', state.path)
document.documentElement.style.colorScheme = query.get('theme') ?? ''
document.documentElement.style.fontSize = query.get('text') ?? ''
await loadLanguage([query.get('language') ?? 'en'])
// All texts are loaded, so that a state's text can be searched from the beginning.
await loadLazyTexts()
render(<App />, document.getElementById('root') as HTMLElement)

if (state.actions?.length) await settled()
for (const step of state.actions ?? []) {
  stepTaken()
  await take(step)
}
await untilShown(state.shows)
// For the tests, and for the console; a frame in the list of states loads faster without.
if (window === window.top) {
  const [{ axeFaults }, { contrastFaults }, { geometryFaults }] = await Promise.all([
    import('./inspect/access'),
    import('./inspect/contrast'),
    import('./inspect/geometry'),
  ])
  Object.assign(window, {
    workbench: { contrastFaults, geometryFaults, axeFaults, shifts, violations },
  })
}
document.documentElement.dataset.state = 'reached'
