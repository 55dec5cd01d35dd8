import { hasText } from '../shared/i18n/text'
import { Main } from './Frame'
import { later } from './later'

// One file for all of them, because they share most of their code.
const pages = () => import('./laterPages')

export const CodePageLater = later(async () => (await pages()).CodePage)
export const DeletedPageLater = later(async () => (await pages()).DeletedPage)
export const FootLater = later(async () => (await pages()).Foot)
export const InsideLater = later(async () => (await pages()).InsidePages, Main)
export const NotYouLater = later(async () => (await pages()).NotYou)
export const OtherPagesLater = later(async () => (await pages()).OtherPages)
export const PasskeySignInLater = later(async () => (await pages()).PasskeySignIn)
export const TypoHintLater = later(async () => (await pages()).TypoHint)
export const WhyHereLater = later(async () => (await pages()).WhyHere)

const pagesInFiles = [
  FootLater,
  CodePageLater,
  DeletedPageLater,
  InsideLater,
  NotYouLater,
  OtherPagesLater,
  PasskeySignInLater,
  TypoHintLater,
  WhyHereLater,
]

let areLoaded: true | undefined

/** true once all of them are loaded. */
export const arePagesThere = () => (areLoaded && hasText('page.toStart')) || undefined

let loading: Promise<boolean> | undefined

/**
 * Preloads all of them. Calls at the same time share a load: what waits for it appears at once.
 * @returns whether they could be loaded
 */
export function loadPages(): Promise<boolean> {
  loading ??= loadAll().finally(() => {
    loading = undefined
  })
  return loading
}

async function loadAll(): Promise<boolean> {
  const [trouble] = await Promise.all(pagesInFiles.map(({ load }) => load()))
  if (!trouble) areLoaded = true
  return !trouble
}
