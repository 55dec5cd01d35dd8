// A front end of your own, on the same host as Sana's API. The types come from the contract:
//
//     npx openapi-typescript https://sana.example.org/api/openapi.json -o contract.d.ts
//
// Here they are those that Sana's own pages use. Any framework will do; this one has none.
import createClient from 'openapi-fetch'
import type { paths } from '../../frontend/src/shared/api/contract'

const sana = createClient<paths>({ baseUrl: location.origin })

const find = <Found extends Element>(selector: string) => document.querySelector(selector) as Found
const status = find<HTMLElement>('[role=status]')
const ask = find<HTMLFormElement>('[data-ask]')
const verify = find<HTMLFormElement>('[data-verify]')
const signOut = find<HTMLButtonElement>('[data-sign-out]')

/** Shows one of the three steps, and words. */
function show(step: Element, words: string): void {
  for (const one of [ask, verify, signOut]) one.toggleAttribute('hidden', one !== step)
  status.textContent = words
}

/** Only 401 means signed out; a server that does not answer means nothing. */
async function start(): Promise<void> {
  const { data, response } = await sana.GET('/api/auth/session')
  if (data) show(signOut, `You are signed in as ${data.user.email}.`)
  else if (response.status === 401) show(ask, 'Sign in with a code.')
  else status.textContent = 'Sana is unavailable. Try again later.'
}

ask.addEventListener('submit', async (event) => {
  event.preventDefault()
  const email = String(new FormData(ask).get('email'))
  let { data, error, response } = await sana.POST('/api/auth/code', { body: { email } })
  // The browser had no token yet, and has one now.
  if (response.status === 409)
    ({ data, error, response } = await sana.POST('/api/auth/code', { body: { email } }))
  if (error) status.textContent = error.detail
  else if (data?.code) show(verify, `We sent a code to ${data.email}.`)
  else if (data) status.textContent = `This address has had enough mail until ${data.resend_at}.`
})

verify.addEventListener('submit', async (event) => {
  event.preventDefault()
  const code = String(new FormData(verify).get('code'))
  const { error } = await sana.POST('/api/auth/verify', { body: { code } })
  if (error) status.textContent = error.detail
  else await start()
})

signOut.addEventListener('click', async () => {
  await sana.POST('/api/auth/sign-out', { body: {} })
  await start()
})

await start()
