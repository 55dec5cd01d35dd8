import type { State } from '../../shared/testing/states'

export const states: State[] = [
  { name: 'no such page', path: '/no/such/page', responses: {}, shows: 'page.notFound' },
]
