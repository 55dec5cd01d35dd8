import { fireEvent, screen, within } from '@testing-library/preact'
import { expect, test } from 'vitest'
import {
  event,
  json,
  noContent,
  otherSession,
  type Reply,
  thisSession,
  unusedKey,
  usedKey,
} from '../shared/testing/server'
import { advance, settle, setVisibility } from '../shared/testing/time'
import { openSignedIn, press } from './openSignedIn'

const items = () => screen.getAllByRole('listitem').map(({ textContent }) => textContent)
const both = json({ complete: true, sessions: [otherSession, thisSession] })
const sessions = 'GET /api/sessions'

test('the current session is first, is marked, and cannot be revoked here', async () => {
  await openSignedIn('/sessions', { [sessions]: both })
  expect(items()[0]).toContain('Firefox on LinuxThis device')
  expect(items()[1]).toContain('Safari on iOS')
  expect(
    screen
      .getAllByRole('button', { name: /^Sign out ./ })
      .map((button) => button.getAttribute('aria-label')),
  ).toEqual(['Sign out Safari on iOS', null])
})

test.each<[string, Reply[]]>([
  ['at once', [noContent()]],
  ['after a repeat, if the response was lost', ['lost', noContent()]],
])('a revoked session leaves the list %s', async (_, replies) => {
  await openSignedIn('/sessions', {
    [sessions]: [both, 'never'],
    'DELETE /api/sessions/{id}': replies,
  })
  await press('Sign out Safari on iOS')
  await advance(1000)
  expect(items()).toHaveLength(1)
  // The button is gone: keyboard users continue from the heading.
  expect(document.activeElement).toBe(screen.getByRole('heading', { level: 1 }))
  expect(screen.getByText('Signed out Safari on iOS.').closest('[role=status]')).toBeTruthy()
})

test('a store with only the current session is explained, without actions', async () => {
  await openSignedIn('/sessions', {
    [sessions]: json({ complete: false, sessions: [thisSession] }),
  })
  expect(screen.getByText(/You can manage only this device here/)).toBeTruthy()
  expect(screen.queryByText('You’re not signed in on any other device.')).toBeNull()
  expect(within(screen.getByRole('main')).queryByRole('button')).toBeNull()
})

test('all others are signed out only after a second press', async () => {
  const server = await openSignedIn('/sessions', {
    [sessions]: [both, 'never'],
    'DELETE /api/sessions': noContent(),
  })
  await press('Sign out of all other devices')
  expect(document.activeElement?.textContent).toBe('Sign out of 1 other device?')
  expect(server.count('DELETE /api/sessions')).toBe(0)
  fireEvent.click(within(screen.getByRole('main')).getByRole('button', { name: 'Sign out' }))
  await settle()
  expect(server.count('DELETE /api/sessions')).toBe(1)
  expect(screen.getByText('All other devices are signed out.')).toBeTruthy()
  expect(document.activeElement).toBe(screen.getByRole('heading', { level: 1 }))
})

test('a session names the apps that it has opened', async () => {
  const withApps = { ...otherSession, apps: ['Wiki', 'Grafana'] }
  await openSignedIn('/sessions', {
    [sessions]: json({ complete: true, sessions: [withApps, thisSession] }),
  })
  expect(items()[0]).not.toContain('Opened apps')
  expect(items()[1]).toContain('Opened apps: Wiki, Grafana')
})

test('access keys can be deleted with all other sessions', async () => {
  const server = await openSignedIn('/sessions', {
    [sessions]: [both, 'never'],
    'GET /api/account/access-keys': [
      json({ access_keys: [usedKey, unusedKey], apps: [] }),
      'never',
    ],
    'DELETE /api/sessions': noContent(),
  })
  await press('Sign out of all other devices')
  await press('Sign out and delete 2 access keys')
  expect(server.calls).toContain('DELETE /api/sessions?access_keys=true')
  expect(
    screen.getByText('All other devices are signed out. Your access keys are deleted.'),
  ).toBeTruthy()
  expect(items()).toHaveLength(1)
})

test('access keys stay if only the other sessions are revoked', async () => {
  const server = await openSignedIn('/sessions', {
    [sessions]: [both, 'never'],
    'GET /api/account/access-keys': json({ access_keys: [usedKey], apps: [] }),
    'DELETE /api/sessions': noContent(),
  })
  await press('Sign out of all other devices')
  fireEvent.click(within(screen.getByRole('main')).getByRole('button', { name: 'Sign out' }))
  await settle()
  expect(server.calls).toContain('DELETE /api/sessions')
  expect(items().join()).toContain('Backup')
})

test('a cancelled sign-out of all others leaves the focus on its button', async () => {
  await openSignedIn('/sessions', { [sessions]: both })
  await press('Sign out of all other devices')
  await press('Cancel')
  expect(document.activeElement?.textContent).toBe('Sign out of all other devices')
})

test('events name an administrator or an access key', async () => {
  await openSignedIn('/activity', {
    'GET /api/account/events': json({
      events: [
        event(0, 'blocked', { by: 'operator', browser: '', system: '', ip: '' }),
        event(1, 'access_key_made', { app: 'Wiki', key: 'Backup' }),
      ],
    }),
  })
  expect(items()[0]).toContain('Account blockedBy an administrator')
  expect(items()[1]).toContain('Access key for Wiki created: Backup')
})

test('loaded events stay when the tab is shown again, without gaps or duplicates', async () => {
  const events = Array.from({ length: 6 }, (_, number) =>
    event(number, 'signed_in', { ip: `192.0.2.${number}` }),
  )
  const server = await openSignedIn('/activity', {
    'GET /api/account/events': [
      json({ events: events.slice(1, 3), next: '998' }),
      json({ events: events.slice(3, 5), next: '996' }),
      json({ events: events.slice(0, 2), next: '999' }),
      json({ events: events.slice(5) }),
    ],
  })
  await press('Show more')
  await setVisibility('visible')
  const addresses = () => items().map((words) => words.match(/192\.0\.2\.\d/)?.[0]?.at(-1))
  expect(addresses()).toEqual(['0', '1', '2', '3', '4'])
  await press('Show more')
  expect(addresses()).toEqual(['0', '1', '2', '3', '4', '5'])
  expect(server.calls.filter((call) => call.includes('before'))).toEqual([
    'GET /api/account/events?before=998',
    'GET /api/account/events?before=996',
  ])
  expect(screen.queryByRole('button', { name: 'Show more' })).toBeNull()
})
