// The workbench: every page in every state. One state is loaded, in a large frame; the list beside
// it can be searched. Every choice is in the address.
import { render } from 'preact'
import { useState } from 'preact/hooks'
import { type Found, found } from './registry'
import '../shared/ui/base.css'
import styles from './list.module.css'

const languages = Object.keys(import.meta.glob('../shared/i18n/*.json')).map((file) =>
  file.replace(/.*\/|\.json$/g, ''),
)
const choices = {
  theme: ['light', 'dark'],
  size: ['phone', 'desktop', '320 px'],
  text: ['100 %', '200 %'],
  language: ['en', ...languages.filter((language) => language !== 'en')],
  frames: ['one', 'all languages', 'both themes'],
}
type Choice = keyof typeof choices
type Chosen = Record<Choice | 'state' | 'search', string>
const sizes: Record<string, [width: number, height: number]> = {
  phone: [360, 740],
  desktop: [1280, 800],
  '320 px': [320, 640],
}

function chosenInAddress(): Chosen {
  const query = new URLSearchParams(location.search)
  const chosen = (name: Choice) =>
    choices[name].find((choice) => choice === query.get(name)) ?? choices[name][0] ?? ''
  const names = Object.keys(choices) as Choice[]
  return {
    ...(Object.fromEntries(names.map((name) => [name, chosen(name)])) as Record<Choice, string>),
    state: query.get('state') ?? found[0]?.id ?? '',
    search: query.get('search') ?? '',
  }
}

function groupOf(id: string): string {
  return id.split('/')[0] ?? ''
}

function matches({ id, name }: Found, search: string): boolean {
  const words = `${id} ${name}`.toLowerCase()
  return search
    .toLowerCase()
    .split(/\s+/)
    .every((word) => words.includes(word))
}

function Workbench() {
  const [chosen, setChosen] = useState(chosenInAddress)
  const choose = (change: Partial<Chosen>) => {
    const next = { ...chosen, ...change }
    history.replaceState(null, '', `?${new URLSearchParams(next)}`)
    setChosen(next)
  }
  const listed = found.filter((state) => matches(state, chosen.search))
  const groups = [...new Set(listed.map(({ id }) => groupOf(id)))]
  const shown = found.find(({ id }) => id === chosen.state)
  return (
    <div class={styles.workbench}>
      <nav class={styles.list} aria-label="States">
        <h1>States</h1>
        <label>
          Search{' '}
          <input
            type="search"
            value={chosen.search}
            onInput={({ currentTarget }) => choose({ search: currentTarget.value })}
          />
        </label>
        <p>
          {listed.length} of {found.length}. <a href="/dev">Development</a>
        </p>
        <Jump groups={groups} />
        {groups.map((group) => (
          <section key={group}>
            <h2 id={group}>{group}</h2>
            <ul>
              {listed
                .filter(({ id }) => groupOf(id) === group)
                .map(({ id, name }) => (
                  <li key={id}>
                    <button
                      type="button"
                      aria-current={id === chosen.state ? 'true' : undefined}
                      onClick={() => choose({ state: id })}
                    >
                      {name}
                    </button>
                  </li>
                ))}
            </ul>
          </section>
        ))}
      </nav>
      <main class={styles.shown}>
        <header>
          {(Object.keys(choices) as Choice[]).map((name) => (
            <label key={name}>
              {name}{' '}
              <select
                value={chosen[name]}
                onChange={({ currentTarget }) => choose({ [name]: currentTarget.value })}
              >
                {choices[name].map((choice) => (
                  <option key={choice}>{choice}</option>
                ))}
              </select>
            </label>
          ))}
        </header>
        {shown ? (
          <Frames state={shown} chosen={chosen} />
        ) : (
          <p>There is no state {chosen.state}.</p>
        )}
      </main>
    </div>
  )
}

function Jump({ groups }: { groups: string[] }) {
  return (
    <p class={styles.jump}>
      {groups.map((group) => (
        <a key={group} href={`#${group}`} onClick={(event) => jump(event, group)}>
          {group}
        </a>
      ))}
    </p>
  )
}

/**
 * The address keeps its choices. A fragment would not change them, but would add entries to the
 * history.
 */
function jump(event: Event, group: string): void {
  event.preventDefault()
  document.getElementById(group)?.scrollIntoView()
}

interface FramesProps {
  state: Found
  chosen: Chosen
}

function Frames({ state, chosen }: FramesProps) {
  const { language, theme, frames } = chosen
  const all = frames === 'all languages' ? choices.language : [language]
  const themes = frames === 'both themes' ? choices.theme : [theme]
  return (
    <div class={styles.frames}>
      {all.flatMap((language) =>
        themes.map((theme) => (
          <Frame
            key={`${language} ${theme}`}
            state={state}
            chosen={{ ...chosen, language, theme }}
          />
        )),
      )}
    </div>
  )
}

function Frame({ state: { id, name }, chosen: { theme, size, text, language } }: FramesProps) {
  const address = `/dev/states/show?${new URLSearchParams({ state: id, theme, language, text })}`
  const [width, height] = sizes[size] ?? []
  return (
    <figure>
      <figcaption>
        <a href={address} target="_blank" rel="noreferrer">
          {name}, {language}, {theme}
        </a>
      </figcaption>
      <iframe
        key={address}
        src={address}
        title={`${name}, ${language}`}
        width={width}
        height={height}
      />
    </figure>
  )
}

document.title = 'States – Sana development'
const root = document.getElementById('root') as HTMLElement
root.replaceChildren()
render(<Workbench />, root)
