import { render } from 'preact'
import { App } from './app/App'
import './shared/ui/base.css'

const root = document.getElementById('root')
if (root) render(<App />, root)
