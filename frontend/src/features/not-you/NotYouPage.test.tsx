import { fireEvent, render, screen } from '@testing-library/preact'
import { expect, test } from 'vitest'
import { FakeServer, noContent, type Reply, refusal } from '../../shared/testing/server'
import { advance, settle } from '../../shared/testing/time'
import { NotYouPage } from './NotYouPage'

const call = 'POST /api/auth/not-you'
const tokenUntil = (at: number) => `00112233445566778899aabbccddeeff.${Math.floor(at / 1000)}.MAC_-`
const good = tokenUntil(Date.now() + 3_600_000)

async function open(fragment: string, reply: Reply | Reply[] = noContent()) {
  history.replaceState(null, '', `/not-you${fragment}`)
  const server = new FakeServer({ [call]: reply })
  render(<NotYouPage />)
  await settle()
  return server
}
const heading = () => screen.getByRole('heading', { level: 1 })
const press = async () => {
  fireEvent.click(screen.getByRole('button', { name: 'Sign out that device' }))
  await settle()
}

test('A-58: the link alone revokes nothing, and its token leaves the address bar', async () => {
  const server = await open(`#t=${good}`)
  expect(server.count(call)).toBe(0)
  expect(location.hash).toBe('')
  expect(heading().textContent).toBe('Didn’t sign in?')
})

test.each<[string, Reply[]]>([
  ['at once', [noContent()]],
  ['after a repeat, if the response was lost', ['lost', noContent()]],
])('a press revokes the session %s, and shows the next step', async (_, replies) => {
  const server = await open(`#t=${good}`, replies)
  await press()
  await advance(1000)
  expect(server.requests.at(-1)?.body).toEqual({ token: good })
  expect(heading().textContent).toBe('That device is signed out')
  expect(document.activeElement).toBe(heading())
  expect(screen.getByText(/change the password of your email account/)).toBeTruthy()
  expect(screen.getByRole('link').getAttribute('href')).toBe('/sessions')
})

test('a limit disables the button until another attempt is allowed', async () => {
  const server = await open(`#t=${good}`, [
    refusal(429, 'too_many_requests', 'Later', { retry_after: 60 }),
    noContent(),
  ])
  await press()
  await press()
  expect(server.count(call)).toBe(1)
  await advance(60_000)
  await press()
  expect(heading().textContent).toBe('That device is signed out')
})

test.each([
  ['no token', ''],
  ['something else', '#c=123456'],
  ['a token without an expiry', '#t=key'],
  ['an expired token', `#t=${tokenUntil(Date.now() - 1000)}`],
])('a link with %s leads to the list of devices', async (_, fragment) => {
  await open(fragment)
  expect(heading().textContent).toBe('This link no longer works')
  expect(screen.queryByRole('button')).toBeNull()
  expect(screen.getByRole('link').getAttribute('href')).toBe('/sessions')
})
