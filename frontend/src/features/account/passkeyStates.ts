import { passkey, serverTime, unusedPasskey } from '../../shared/testing/server'
import { type Responses, refused, type State } from '../../shared/testing/states'
import { page, type Shows, stale } from './pageState'

export const one = { passkeys: [passkey], codes_for: 'sign_in' as const, can_restrict: true }
const two = { ...one, passkeys: [passkey, unusedPasskey] }
const restricted = { ...two, codes_for: 'recovery' as const }
export const withPasskeys = (
  name: string,
  shows: Shows,
  list: NonNullable<Responses['GET /api/account/passkeys']>,
  responses: Responses = {},
  actions: State['actions'] = [],
): State => ({
  ...page(name, shows, { 'GET /api/account/passkeys': list, ...responses }, actions),
  passkeys: 'succeeds',
})
const rename = { press: 2 }
const removePasskey = { press: 3 }
const addPasskey = { press: 2 }
const none = { ...one, passkeys: [] }
const adding = (
  name: string,
  shows: Shows,
  passkeys: NonNullable<State['passkeys']>,
  responses: Responses = {},
): State => ({
  ...withPasskeys(name, shows, none, { 'POST /api/account/passkeys': passkey, ...responses }, [
    addPasskey,
  ]),
  passkeys,
})
const renaming = (
  name: string,
  shows: Shows,
  answer: NonNullable<Responses['PATCH /api/account/passkeys/{id}']>,
): State =>
  withPasskeys(name, shows, one, { 'PATCH /api/account/passkeys/{id}': answer }, [
    rename,
    { type: 'Phone', into: 1 },
    { press: 2, on: 'action.cancel' },
  ])
const removing = (
  name: string,
  shows: Shows,
  answer: NonNullable<Responses['DELETE /api/account/passkeys/{id}']>,
): State =>
  withPasskeys(
    name,
    shows,
    [two, { ...one, passkeys: [unusedPasskey] }],
    { 'DELETE /api/account/passkeys/{id}': answer },
    [removePasskey],
  )
const codesFor = (
  name: string,
  shows: Shows,
  answer: NonNullable<Responses['PUT /api/account/codes']>,
): State =>
  withPasskeys(
    name,
    shows,
    answer === 'done' ? [two, restricted] : two,
    { 'PUT /api/account/codes': answer },
    [{ press: 7 }],
  )

/** The states of passkeys on the page of the account. */
export const passkeyStates: State[] = [
  withPasskeys('no passkey yet', 'passkeys.intro', none),
  withPasskeys('one passkey', 'passkeys.synced', one),
  withPasskeys('passkeys', 'codes.restrict', two),
  withPasskeys('codes for recovery only', 'codes.allow', restricted),
  withPasskeys('recovery under way', 'recovery.notYou', {
    ...restricted,
    recovery: { now: serverTime(0), ends_at: serverTime(80_000) },
  }),
  { ...withPasskeys('passkeys in a browser without', 'passkeys.synced', two), passkeys: undefined },
  withPasskeys('passkey with a long name', 'passkeys.synced', {
    ...one,
    passkeys: [{ ...passkey, name: 'Wolfeschlegelsteinhausenbergerdorff'.repeat(2) }],
  }),
  withPasskeys('passkeys unavailable', 'error.weRetry', refused(503, 'unavailable')),
  adding('adding a passkey', 'passkeys.waiting', 'pending'),
  adding('passkey added', 'activity.passkey_added', 'succeeds', {
    'GET /api/account/passkeys': [none, one],
  }),
  adding('passkey not made', 'passkeys.add', 'cancelled'),
  adding('passkey that is there already', 'passkeys.known', 'registered'),
  adding('too many passkeys', 'problem.too_many_passkeys', 'succeeds', {
    'GET /api/account/passkeys/options': refused(409, 'too_many_passkeys'),
  }),
  adding('passkey that wants a fresh sign-in', 'proof.title', 'pending', {
    'GET /api/account/passkeys/options': stale,
  }),
  withPasskeys('renaming a passkey', 'action.cancel', one, {}, [rename]),
  renaming('saving the name of a passkey', 'error.working', 'never'),
  renaming('name of the passkey refused', 'problem.invalid_name', refused(400, 'invalid_name')),
  withPasskeys('passkey not renamed after all', 'passkeys.rename', one, {}, [
    rename,
    { press: 3, on: 'action.cancel' },
  ]),
  removing('removing a passkey', 'error.working', 'never'),
  removing('passkey removed', 'activity.passkey_removed', 'done'),
  removing('passkey not removed', 'error.pressAgain', refused(503, 'unavailable')),
  codesFor('keeping codes for recovery', 'error.working', 'never'),
  codesFor('codes kept for recovery', 'codes.allow', 'done'),
  codesFor(
    'codes not kept for recovery',
    'problem.out_of_step',
    refused(409, 'two_passkeys_needed'),
  ),
]
