import { account, signedIn } from '../../shared/testing/server'
import { type Responses, refused, type State } from '../../shared/testing/states'

const home = (
  name: string,
  shows: State['shows'],
  responses: Responses = {},
  actions: State['actions'] = [],
): State => ({
  name,
  path: '/',
  responses: { 'GET /api/auth/session': signedIn, ...responses },
  actions,
  shows,
})
const longest = `${'longest.of.all.'.repeat(4)}name@${'a-very-long-name.'.repeat(8)}example.org`
const signOut = [{ press: 0 }]

export const states: State[] = [
  home('signed in', 'home.hello'),
  home('without a name', 'home.title', { 'GET /api/account': { ...account, name: '' } }),
  home('taking its time', 'page.loading', { 'GET /api/account': 'never' }),
  home('with a long address', 'home.hello', {
    'GET /api/auth/session': { ...signedIn, user: { ...signedIn.user, email: longest } },
  }),
  home('with apps', 'home.apps', {
    'GET /api/apps': {
      apps: [
        { id: 'wiki', name: 'Wiki', host: 'wiki.example.org' },
        {
          id: 'grafana',
          name: 'Grafana of the operations team',
          host: 'grafana.monitoring.internal.example.net',
        },
        { id: 'previews', name: 'Previews' },
      ],
    },
  }),
  home('signing out', 'home.signingOut', { 'POST /api/auth/sign-out': 'never' }, signOut),
  home(
    'sign-out without an answer',
    'error.weRetry',
    { 'POST /api/auth/sign-out': 'lost' },
    signOut,
  ),
  home(
    'sign-out that the server refuses',
    'home.stillSignedIn',
    { 'POST /api/auth/sign-out': refused(503, 'unavailable') },
    signOut,
  ),
  home(
    'perhaps not signed in any more',
    'error.weRetry',
    { 'GET /api/auth/session': [signedIn, refused(503, 'unavailable')] },
    [{ returns: true }],
  ),
]
