import { later } from './later'

// One file for all of them: what they share is most of it.
const pages = () => import('./laterPages')

export const CodePageLater = later(async () => (await pages()).CodePage)
export const DeletedPageLater = later(async () => (await pages()).DeletedPage)
export const InsideLater = later(async () => (await pages()).InsidePages)
