import { fireEvent, screen } from '@testing-library/preact'
import { describe, expect, test, vi } from 'vitest'
import {
  codeRequest,
  json,
  noContent,
  pendingCode,
  refusal,
  signedIn,
  unavailable,
  unusedKey,
  usedKey,
} from '../shared/testing/server'
import { advance } from '../shared/testing/time'
import { field, openSignedIn, press, type } from './openSignedIn'

describe('access keys', () => {
  const read = 'GET /api/account/access-keys'
  const creation = 'POST /api/account/access-keys'
  const deletion = 'DELETE /api/account/access-keys/{id}'
  const apps = [
    { id: 'wiki', name: 'Wiki' },
    { id: 'grafana', name: 'Grafana' },
  ]
  const none = json({ access_keys: [], apps })
  const both = json({ access_keys: [usedKey, unusedKey], apps })
  const key = `sana_key_${'a1-_Z'.repeat(8)}abc`
  const created = json({ key, access_key: unusedKey }, 201)
  const withKey = json({ access_keys: [unusedKey], apps })
  const create = async () => {
    await press('Create access key')
    await type('Name of the key', 'Script')
    await press('Create access key')
  }
  const deletes = () =>
    screen
      .queryAllByRole('button', { name: /^Delete the access key / })
      .map((button) => button.getAttribute('aria-label'))

  test('are not mentioned if there are none and no app allows them', async () => {
    await openSignedIn('/account')
    expect(screen.queryByText('Access keys')).toBeNull()
  })

  test('that are unavailable leave the rest of the page usable', async () => {
    await openSignedIn('/account', { [read]: [unavailable(), both] })
    expect(screen.getByText(/Sana is temporarily unavailable/)).toBeTruthy()
    expect(field('Name').value).toBe('Grace')
    await press('Try again')
    expect(deletes()).toHaveLength(2)
  })

  test('show their app, their last use and their expiry', async () => {
    await openSignedIn('/account', { [read]: both })
    const [used, unused] = screen.getAllByRole('listitem').map(({ textContent }) => textContent)
    expect(used).toMatch(/Backup.*Wiki · Last used .* ago · 2001:db8::17.*Expires on 12 June 2026/)
    expect(unused).toMatch(/Script.*Wiki · Never used.*By an administrator/)
  })

  test('are created for an app and a duration, and shown once', async () => {
    const copied = vi.spyOn(navigator.clipboard, 'writeText').mockResolvedValue()
    const server = await openSignedIn('/account', { [read]: [none, withKey], [creation]: created })
    await press('Create access key')
    expect(document.activeElement).toBe(field('Name of the key'))
    fireEvent.change(field('Which app?'), { target: { value: 'grafana' } })
    fireEvent.change(field('Expires after'), { target: { value: '30' } })
    await type('Name of the key', ' Script')
    await press('Create access key')
    expect(server.requests.find(({ call }) => call === creation)?.body).toEqual({
      app: 'grafana',
      name: ' Script',
      days: 30,
    })
    expect(document.activeElement?.textContent).toBe('Your new access key')
    expect(screen.getByText(key)).toBeTruthy()
    await press('Copy')
    expect(copied).toHaveBeenCalledWith(key)
    expect(screen.getByText('Copied.')).toBeTruthy()
    await press('Done')
    expect(document.body.textContent).not.toContain(key)
    expect(document.activeElement?.textContent).toBe('Access keys')
    expect(deletes()).toEqual(['Delete the access key Script'])
  })

  test('are selected if the browser does not copy them', async () => {
    vi.spyOn(navigator.clipboard, 'writeText').mockRejectedValue(
      new DOMException('no', 'NotAllowedError'),
    )
    await openSignedIn('/account', { [read]: [none, withKey], [creation]: created })
    await create()
    await press('Copy')
    expect(screen.getByRole('alert').textContent).toContain('We couldn’t copy the key.')
    expect(getSelection()?.toString()).toBe(key)
  })

  test('have a name, which the page requires before a request', async () => {
    const server = await openSignedIn('/account', { [read]: none })
    await press('Create access key')
    await type('Name of the key', '  ')
    await press('Create access key')
    expect(screen.getByRole('alert').textContent).toBe('Give the key a name.')
    expect(document.activeElement).toBe(field('Name of the key'))
    expect(server.count(creation)).toBe(0)
  })

  test('over the limit of keys are distinguished from too many requests', async () => {
    const waits = refusal(429, 'too_many_requests', 'Later', { retry_after: 60 })
    await openSignedIn('/account', {
      [read]: none,
      [creation]: [refusal(429, 'too_many_requests'), waits],
    })
    await create()
    expect(screen.getByRole('alert').textContent).toBe(
      'You have too many access keys. Delete one first.',
    )
    await press('Create access key')
    expect(screen.getByRole('alert').textContent).toBe('There have been too many requests.')
    expect(screen.getByText(/Try again in 1:00/)).toBeTruthy()
  })

  test('are in the list after a lost response, and the form stays', async () => {
    await openSignedIn('/account', { [read]: [none, withKey], [creation]: 'lost' })
    await create()
    expect(deletes()).toEqual(['Delete the access key Script'])
    expect(field('Name of the key').value).toBe('Script')
  })

  test('that are deleted leave the list at once, and the focus moves to the next one', async () => {
    const server = await openSignedIn('/account', {
      [read]: [both, 'never'],
      [deletion]: ['lost', noContent()],
    })
    await press('Delete the access key Backup')
    await advance(1000)
    expect(server.calls).toContain(`DELETE /api/account/access-keys/${usedKey.id}`)
    expect(deletes()).toEqual(['Delete the access key Script'])
    expect(document.activeElement?.getAttribute('aria-label')).toBe('Delete the access key Script')
    expect(screen.getByText('Deleted the access key Backup.').closest('[role=status]')).toBeTruthy()
  })

  test('are created once after a step-up', async () => {
    const server = await openSignedIn('/account', {
      [read]: [none, withKey],
      [creation]: [refusal(403, 'reauthentication_required'), created],
      'POST /api/auth/code': json(codeRequest(), 202),
      'GET /api/auth/code': json(pendingCode()),
      'POST /api/auth/verify': json({ ...signedIn, created: false }),
    })
    await create()
    expect(screen.queryByRole('dialog')).toBeTruthy()
    await type('6-digit code', '123456')
    expect(screen.queryByRole('dialog')).toBeNull()
    expect(server.count(creation)).toBe(2)
    expect(screen.getByText(key)).toBeTruthy()
  })
})
