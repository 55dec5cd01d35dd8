import { later } from './later'

export const CodePageLater = later(async () => (await import('../features/sign-in/CodePage')).CodePage)
