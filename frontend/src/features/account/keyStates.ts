import { unusedKey, usedKey } from '../../shared/testing/server'
import { type Responses, refused, type State } from '../../shared/testing/states'
import { page, type Shows, stale } from './pageState'

const keyApps = [
  { id: 'wiki', name: 'Wiki' },
  { id: 'grafana', name: 'Grafana' },
]
const noKeys = { access_keys: [], apps: keyApps }
const someKeys = { access_keys: [usedKey, unusedKey], apps: keyApps }
const madeKey = {
  key: `sana_key_${'Zk3-xQ_9'.repeat(5)}Ab1`,
  access_key: { ...usedKey, id: 'c'.repeat(32) },
}
const withKeys = (
  name: string,
  shows: Shows,
  responses: Responses = {},
  actions: State['actions'] = [],
): State => page(name, shows, { 'GET /api/account/access-keys': someKeys, ...responses }, actions)
const withoutKeys = (
  name: string,
  shows: Shows,
  responses: Responses = {},
  actions: State['actions'] = [],
): State => page(name, shows, { 'GET /api/account/access-keys': noKeys, ...responses }, actions)
const askForKey = { press: 2 }
const createKey = { press: 2, on: 'keys.nameHint' } as const
const creating = (
  name: string,
  shows: Shows,
  answer: NonNullable<Responses['POST /api/account/access-keys']>,
  more: State['actions'] = [],
): State =>
  withoutKeys(
    name,
    shows,
    {
      'POST /api/account/access-keys': answer,
      'GET /api/account/access-keys':
        answer === madeKey ? [noKeys, { ...noKeys, access_keys: [usedKey] }] : noKeys,
    },
    [askForKey, { type: 'Backup', into: 1 }, createKey, ...more],
  )
const copy = { press: 2, on: 'keys.made' } as const
const doneWithKey = { press: 3, on: 'keys.made' } as const
const deleteKey = { press: 2 }
const deletingKey = (
  name: string,
  shows: Shows,
  answer: NonNullable<Responses['DELETE /api/account/access-keys/{id}']>,
): State =>
  withKeys(
    name,
    shows,
    {
      'DELETE /api/account/access-keys/{id}': answer,
      'GET /api/account/access-keys': [someKeys, { ...someKeys, access_keys: [unusedKey] }],
    },
    [deleteKey],
  )

/** The states of access keys on the page of the account. */
export const keyStates: State[] = [
  withoutKeys('no access keys', 'keys.none'),
  withKeys('access keys', 'keys.used'),
  withKeys('access keys of an app that takes no more', 'keys.used', {
    'GET /api/account/access-keys': { ...someKeys, apps: [] },
  }),
  withKeys('access key with a long name', 'keys.used', {
    'GET /api/account/access-keys': {
      access_keys: [
        {
          ...usedKey,
          name: 'Wolfeschlegelsteinhausenbergerdorff'.repeat(2),
          last_used_ip: '2001:db8:1234:5678:9abc:def0:1234:5678',
        },
      ],
      apps: keyApps,
    },
  }),
  withKeys('access keys unavailable', 'error.weRetry', {
    'GET /api/account/access-keys': refused(503, 'unavailable'),
  }),
  withKeys(
    'access keys, perhaps old',
    'error.weRetry',
    { 'GET /api/account/access-keys': [someKeys, 'lost'] },
    [{ returns: true }],
  ),
  withoutKeys('asking for an access key', 'keys.nameHint', {}, [askForKey]),
  withoutKeys('access key without a name', 'keys.nameEmpty', {}, [askForKey, createKey]),
  withoutKeys('access key not asked for after all', 'keys.none', {}, [
    askForKey,
    { press: 3, on: 'keys.nameHint' },
  ]),
  creating('creating an access key', 'error.working', 'never'),
  creating('access key created', 'keys.made', madeKey),
  creating('access key copied', 'keys.copied', madeKey, [copy]),
  { ...creating('access key not copied', 'keys.notCopied', madeKey, [copy]), without: 'clipboard' },
  creating('access key put away', 'keys.used', madeKey, [doneWithKey]),
  creating('name of the access key refused', 'problem.invalid_name', refused(400, 'invalid_name')),
  creating('access key not created', 'error.pressAgain', refused(503, 'unavailable')),
  creating('too many access keys', 'keys.tooMany', refused(429, 'too_many_requests')),
  creating(
    'too many access keys in an hour',
    'problem.too_many_requests',
    refused(429, 'too_many_requests', { retry_after: 754 }),
  ),
  creating('access key of an app that is gone', 'problem.out_of_step', refused(404, 'not_found')),
  withoutKeys(
    'access key that wants a fresh code',
    'page.loading',
    { 'POST /api/account/access-keys': stale, 'POST /api/auth/code': 'never' },
    [askForKey, { type: 'Backup', into: 1 }, createKey],
  ),
  deletingKey('deleting an access key', 'error.working', 'never'),
  deletingKey('access key deleted', 'keys.deleted', 'done'),
  deletingKey('access key not deleted', 'error.pressAgain', refused(503, 'unavailable')),
  deletingKey('deletion of an access key without an answer', 'error.weRetry', 'lost'),
]
