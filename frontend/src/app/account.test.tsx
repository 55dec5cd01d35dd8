import { fireEvent, screen, within } from '@testing-library/preact'
import { describe, expect, test, vi } from 'vitest'
import {
  account,
  codeRequest,
  json,
  noContent,
  noMail,
  noPendingCode,
  notSignedIn,
  pendingCode,
  refusal,
  signedIn,
  unavailable,
} from '../shared/testing/server'
import { advance, settle, setVisibility } from '../shared/testing/time'
import { field, heading, openSignedIn, press, session, type } from './openSignedIn'

const stale = () => refusal(403, 'reauthentication_required')
const pending = json(pendingCode({ email: 'grace@example.net' }))
const dialog = () => screen.queryByRole('dialog')

describe('the name', () => {
  const save = 'PATCH /api/account'

  test('that is typed is not replaced by a read', async () => {
    await openSignedIn('/account', {
      'GET /api/account': [json(account), json({ ...account, name: 'Ada' })],
    })
    await type('Name', 'Gra')
    await setVisibility('visible')
    expect(field('Name').value).toBe('Gra')
  })

  test('is shown as the server stored it, with a note until the next edit', async () => {
    const server = await openSignedIn('/account', { [save]: json({ ...account, name: 'Ada' }) })
    await type('Name', '  Ada ')
    await press('Save')
    expect(server.requests.at(-1)?.body).toEqual({ name: '  Ada ' })
    expect(field('Name').value).toBe('Ada')
    expect(screen.getByText('Saved.').closest('[role=status]')).toBeTruthy()
    await type('Name', 'Ad')
    expect(screen.queryByText('Saved.')).toBeNull()
  })

  test('that could not be saved stays in its field', async () => {
    await openSignedIn('/account', { [save]: unavailable() })
    await type('Name', 'Ada')
    await press('Save')
    expect(field('Name').value).toBe('Ada')
    expect(screen.getByRole('alert').textContent).toContain('Sana is temporarily unavailable.')
  })
})

describe('a change of the address', () => {
  const request = 'POST /api/account/email'
  const verify = 'POST /api/account/email/verify'
  const read = 'GET /api/account/email'
  const label = 'New email address'

  test('that was requested before a reload continues', async () => {
    await openSignedIn('/account', { [read]: pending })
    expect(screen.getByText(/We sent a code to/)).toBeTruthy()
    expect(screen.getByText('grace@example.net')).toBeTruthy()
  })

  test('that succeeds is reported once, and its code is not shown again', async () => {
    const server = await openSignedIn('/account', {
      [read]: [pending, 'never'],
      [verify]: json({ ...account, email: 'grace@example.net' }),
    })
    await type('6-digit code', '123456')
    expect(server.requests.find(({ call }) => call === verify)?.body).toEqual({
      code: '123456',
      email: 'grace@example.net',
    })
    expect(
      screen.getByText(/Your email address is now grace@example.net/).closest('[role=status]'),
    ).toBeTruthy()
    expect(screen.queryByLabelText('6-digit code')).toBeNull()
    expect(document.activeElement?.textContent).toBe('Email address')
    expect(server.count(session)).toBe(2)
  })

  test.each([
    [
      'of another account',
      refusal(409, 'email_taken'),
      'Another account already uses this address.',
    ],
    [
      'that is not allowed here',
      refusal(403, 'sign_up_closed'),
      'You can’t use an address at this domain here.',
    ],
  ])(
    'to an address %s leads back to the form, with the reason at the field',
    async (_, reply, words) => {
      await openSignedIn('/account', { [read]: [pending, noPendingCode()], [verify]: reply })
      await type('6-digit code', '123456')
      expect(screen.getByRole('alert').textContent).toContain(words)
      expect(field(label).value).toBe('grace@example.net')
      expect(document.activeElement).toBe(field(label))
    },
  )

  test('that was replaced by another code can be requested again', async () => {
    await openSignedIn('/account', { [read]: [pending, noPendingCode()] })
    await setVisibility('visible')
    expect(screen.getByText(/This change has expired/)).toBeTruthy()
    expect(field(label).value).toBe('grace@example.net')
  })

  test('that was cancelled here is not reported as expired', async () => {
    await openSignedIn('/account', {
      [read]: [pending, noPendingCode()],
      'DELETE /api/account/email': noContent(),
    })
    await press('Use a different email address')
    expect(screen.queryByText(/This change has expired/)).toBeNull()
    await press('Cancel')
    expect(screen.getByRole('button', { name: 'Change' })).toBeTruthy()
    expect(document.activeElement?.textContent).toBe('Email address')
  })

  test('that is being typed stays on the page when another tab starts one', async () => {
    await openSignedIn('/account', {
      [read]: [noPendingCode(), noPendingCode(), pending],
      [request]: 'never',
    })
    await press('Change')
    await type(label, 'ada@ex')
    await setVisibility('visible')
    expect(field(label).value).toBe('ada@ex')
  })
})

describe('a change of the address without a mail', () => {
  const request = 'POST /api/account/email'
  const newAddress = { email: 'grace@example.net' }
  const change = async () => {
    await press('Change')
    await type('New email address', newAddress.email)
    await press('Email me a code')
  }

  test('shows no field if no code works, and is repeated by a press', async () => {
    const server = await openSignedIn('/account', {
      [request]: [json(noMail(newAddress), 202), json(codeRequest(pendingCode(newAddress)), 202)],
    })
    await change()
    expect(document.activeElement?.textContent).toBe('No new code yet')
    expect(screen.queryByLabelText('6-digit code')).toBeNull()
    await advance(42_000)
    expect(server.count(request)).toBe(1)
    await press('Get a new code')
    expect(server.count(request)).toBe(2)
    expect(document.activeElement).toBe(field('6-digit code'))
  })

  test('keeps the field if a code works', async () => {
    await openSignedIn('/account', {
      [request]: json(noMail({ ...newAddress, code: pendingCode(newAddress) }), 202),
    })
    await change()
    expect(field('6-digit code')).toBeTruthy()
    expect(screen.getByText(/The last code still works/)).toBeTruthy()
  })

  test('returns to the form, with the address', async () => {
    await openSignedIn('/account', { [request]: json(noMail(newAddress), 202) })
    await change()
    await press('Use a different email address')
    expect(field('New email address').value).toBe(newAddress.email)
  })
})

describe('an action that requires a recent sign-in', () => {
  const cancelDialog = async () => {
    fireEvent.click(within(screen.getByRole('dialog')).getByRole('button', { name: 'Cancel' }))
    await settle()
  }
  const code = {
    'POST /api/auth/code': json(codeRequest(), 202),
    'GET /api/auth/code': json(pendingCode()),
    'POST /api/auth/verify': json({ ...signedIn, created: false }),
  }
  const exported = 'GET /api/account/export'
  const file = json({ exported_at: '2026-03-20T10:00:00Z', account })

  test("requests one code, to the current user's address, and continues by itself", async () => {
    vi.spyOn(HTMLAnchorElement.prototype, 'click').mockReturnValue()
    const server = await openSignedIn('/account', { ...code, [exported]: [stale(), file] })
    await type('Name', 'half a na')
    await press('Download')
    expect(server.requests.find(({ call }) => call === 'POST /api/auth/code')?.body).toEqual({
      email: 'grace@example.org',
    })
    expect(server.count('POST /api/auth/code')).toBe(1)
    await type('6-digit code', '123456')
    expect(dialog()).toBeNull()
    expect(server.count(exported)).toBe(2)
    expect(screen.getByText('Downloaded.')).toBeTruthy()
    expect(field('Name').value).toBe('half a na')
  })

  test.each([
    ['Cancel', () => cancelDialog()],
    [
      'Escape',
      async () => {
        fireEvent(dialog() as HTMLElement, new Event('cancel', { cancelable: true }))
        await settle()
      },
    ],
  ])('is cancelled by %s, and nothing changes', async (_, cancel) => {
    const server = await openSignedIn('/account', { ...code, 'POST /api/account/email': stale() })
    await press('Change')
    await type('New email address', 'ada@example.net')
    await press('Email me a code')
    await cancel()
    expect(dialog()).toBeNull()
    expect(server.count('POST /api/account/email')).toBe(1)
    expect(field('New email address').value).toBe('ada@example.net')
    expect(screen.queryByRole('alert')).toBeNull()
  })

  test('can be repeated after an outage, and after a lost code', async () => {
    const server = await openSignedIn('/account', {
      ...code,
      [exported]: stale(),
      'POST /api/auth/code': ['lost', json(codeRequest(), 202)],
      'GET /api/auth/code': [noPendingCode(), json(pendingCode())],
    })
    await press('Download')
    expect(screen.getByRole('alert').textContent).toContain('We can’t reach Sana right now.')
    await press('Email me a code')
    await advance(1000)
    expect(screen.getByText(/no longer valid in this browser/)).toBeTruthy()
    await press('Email me a code')
    expect(field('6-digit code')).toBeTruthy()
    expect(server.count('POST /api/auth/code')).toBe(3)
  })

  test('waits for a press if another tab has completed the step-up', async () => {
    vi.spyOn(HTMLAnchorElement.prototype, 'click').mockReturnValue()
    const steppedUp = {
      ...signedIn,
      session: { ...signedIn.session, signed_in_at: '2026-03-20T10:00:00Z' },
    }
    const server = await openSignedIn('/account', {
      ...code,
      [exported]: [stale(), file],
      [session]: [json(signedIn), json(steppedUp)],
    })
    await press('Download')
    await setVisibility('visible')
    expect(screen.getByText('You’ve confirmed that it’s you in another tab.')).toBeTruthy()
    expect(screen.queryByLabelText('6-digit code')).toBeNull()
    expect(server.count(exported)).toBe(1)
    await press('Continue')
    expect(dialog()).toBeNull()
    expect(server.count(exported)).toBe(2)
  })

  test('does not continue for another user', async () => {
    const other = {
      ...signedIn,
      user: { id: 'f0000000-0000-4000-8000-000000000000', email: 'ada@example.org' },
    }
    const server = await openSignedIn('/account', {
      ...code,
      [exported]: stale(),
      [session]: [json(signedIn), json(other)],
    })
    await press('Download')
    await setVisibility('visible')
    expect(dialog()).toBeNull()
    expect(server.count(exported)).toBe(1)
  })

  test('shows no field if no mail was sent and no code works', async () => {
    const server = await openSignedIn('/account', {
      ...code,
      [exported]: stale(),
      'POST /api/auth/code': [json(noMail(), 202), json(codeRequest(), 202)],
    })
    await press('Download')
    expect(screen.getByText('No new code yet')).toBeTruthy()
    await advance(42_000)
    expect(server.count('POST /api/auth/code')).toBe(1)
    await press('Get a new code')
    expect(field('6-digit code')).toBeTruthy()
  })

  test('deletes the account only after the address was typed', async () => {
    const remove = 'DELETE /api/account'
    const server = await openSignedIn('/account', {
      ...code,
      [remove]: [stale(), noContent()],
      [session]: [json(signedIn), json(signedIn), notSignedIn()],
    })
    await press('Delete account…')
    await press('Delete account permanently')
    expect(server.count(remove)).toBe(0)
    await type('Type your email address to confirm', ' Grace@example.org ')
    await press('Delete account permanently')
    await type('6-digit code', '123456')
    expect(server.count(remove)).toBe(2)
    expect(heading().textContent).toBe('Your account has been deleted')
    expect(document.activeElement).toBe(heading())
    expect(document.body.textContent).not.toContain('grace@example.org')
  })
})
