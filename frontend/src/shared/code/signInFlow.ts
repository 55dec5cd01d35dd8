import { post, requestCode } from '../api/http'
import type { Flow } from './flow'

/** To sign in, and to step up: the server decides by the address which of them it is. */
export const signInFlow = {
  verify: (code, { email }) => post('/api/auth/verify', { code, email }),
  resend: ({ id }) => requestCode('/api/auth/code/resend', { id }),
} satisfies Flow<unknown>
