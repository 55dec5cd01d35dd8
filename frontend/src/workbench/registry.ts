import type { State } from '../shared/testing/states'

export interface Found extends State {
  /** In addresses and file names: `code/wrong-code`. */
  id: string
}

const files = import.meta.glob<State[]>('../**/*.states.{ts,tsx}', {
  eager: true,
  import: 'states',
})

/** All states, those of one file together, in its order. */
export const found: Found[] = Object.entries(files).flatMap(([file, states]) => {
  const group = file.split('/').at(-1)?.split('.')[0]
  return states.map((state) => ({ ...state, id: `${group}/${asWord(state.name)}` }))
})

function asWord(name: string): string {
  return name.replace(/\W+/g, '-').toLowerCase()
}
