// The workbench: every page in every state, each in a frame of its own that is loaded when it comes into sight.
import { render } from 'preact'
import { useState } from 'preact/hooks'
import { type Found, found } from './registry'
import '../shared/ui/base.css'
import styles from './list.module.css'

const choices = {
  theme: ['light', 'dark'],
  size: ['phone', 'desktop', '320 px'],
  language: ['en', 'de', 'fr', 'es', 'ja'],
} as const
type Choices = { [Name in keyof typeof choices]: (typeof choices)[Name][number] }
const sizes: Record<Choices['size'], [width: number, height: number]> = {
  phone: [360, 740],
  desktop: [1280, 800],
  '320 px': [320, 640],
}
const groups = [...new Set(found.map(({ id }) => groupOf(id)))]

function groupOf(id: string): string {
  return id.split('/')[0] ?? ''
}

function Workbench() {
  const [chosen, choose] = useState<Choices>({ theme: 'light', size: 'phone', language: 'en' })
  return (
    <>
      <header class={styles.header}>
        <h1>States</h1>
        {(Object.keys(choices) as (keyof Choices)[]).map((name) => (
          <label key={name}>
            {name}{' '}
            <select
              value={chosen[name]}
              onChange={({ currentTarget }) => choose({ ...chosen, [name]: currentTarget.value })}
            >
              {choices[name].map((choice) => (
                <option key={choice}>{choice}</option>
              ))}
            </select>
          </label>
        ))}
      </header>
      {groups.map((group) => (
        <section key={group}>
          <h2 class={styles.group}>{group}</h2>
          <ul class={styles.states}>
            {found
              .filter(({ id }) => groupOf(id) === group)
              .map((state) => (
                <Shown key={state.id} state={state} chosen={chosen} />
              ))}
          </ul>
        </section>
      ))}
    </>
  )
}

interface ShownProps {
  state: Found
  chosen: Choices
}

function Shown({ state: { id, name }, chosen: { theme, size, language } }: ShownProps) {
  const address = `/dev/states/show?${new URLSearchParams({ state: id, theme, language })}`
  const [width, height] = sizes[size]
  return (
    <li>
      <a href={address} target="_blank" rel="noreferrer">
        {name}
      </a>
      <iframe key={address} src={address} title={name} width={width} height={height} loading="lazy" />
    </li>
  )
}

render(<Workbench />, document.getElementById('root') as HTMLElement)
