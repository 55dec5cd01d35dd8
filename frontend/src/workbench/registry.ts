import type { State } from '../shared/testing/states'

export interface Found extends State {
  /** In addresses and file names: `code/wrong-code`. */
  id: string
}

const files = import.meta.glob<State[]>('../**/*.states.{ts,tsx}', { eager: true, import: 'states' })

/** All states that there are, those of one file together, in the order that it has them in. */
export const found: Found[] = Object.entries(files).flatMap(([file, states]) => {
  const group = file.split('/').at(-1)?.split('.')[0]
  return states.map((state) => ({ ...state, id: `${group}/${asWord(state.name)}` }))
})

function asWord(name: string): string {
  return name.replace(/\W+/g, '-').toLowerCase()
}
