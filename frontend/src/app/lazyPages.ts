import { hasText } from '../shared/i18n/text'
import { Main } from './Frame'
import { lazyPage } from './lazyPage'

// One file for all of them, because they share most of their code.
const pages = () => import('./pages')

export const LazyCodePage = lazyPage(async () => (await pages()).CodePage)
export const LazyDeletedPage = lazyPage(async () => (await pages()).DeletedPage)
export const LazyFoot = lazyPage(async () => (await pages()).Foot)
export const LazySignedInPages = lazyPage(async () => (await pages()).SignedInPages, Main)
export const LazyNotYou = lazyPage(async () => (await pages()).NotYou)
export const LazyOtherPages = lazyPage(async () => (await pages()).OtherPages)
export const LazyPasskeySignIn = lazyPage(async () => (await pages()).PasskeySignIn)
export const LazyTypoHint = lazyPage(async () => (await pages()).TypoHint)
export const LazyWhyHere = lazyPage(async () => (await pages()).WhyHere)

const pagesInFiles = [
  LazyFoot,
  LazyCodePage,
  LazyDeletedPage,
  LazySignedInPages,
  LazyNotYou,
  LazyOtherPages,
  LazyPasskeySignIn,
  LazyTypoHint,
  LazyWhyHere,
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
  const [requestError] = await Promise.all(pagesInFiles.map(({ load }) => load()))
  if (!requestError) areLoaded = true
  return !requestError
}
