import type { Catalogue } from '../i18n/text'

/** By language; tests use some of them by name. */
type Texts<Content> = Readonly<Record<string, Content>> & {
  readonly [Named in 'en' | 'de' | 'fr']: Content
}

const first = import.meta.glob<Catalogue>('../i18n/*.json', { eager: true, import: 'default' })
const lazy = import.meta.glob<Catalogue>('../i18n/later/*.json', {
  eager: true,
  import: 'default',
})

/** The texts of the first page, by language. */
export const firstTexts = byLanguage(first)

/** The texts of the lazily loaded pages. */
export const lazyTexts = byLanguage(lazy)

/** All texts. */
export const allTexts = Object.fromEntries(
  Object.entries(firstTexts).map(([language, texts]) => [
    language,
    { ...texts, ...lazyTexts[language] },
  ]),
) as Texts<Catalogue>

function byLanguage(files: Record<string, Catalogue>): Texts<Catalogue> {
  const entries = Object.entries(files).map(([file, texts]) => [
    file.replace(/.*\/|\.json$/g, ''),
    texts,
  ])
  return Object.fromEntries(entries) as Texts<Catalogue>
}
