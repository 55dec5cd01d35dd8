import de from '../i18n/de.json'
import en from '../i18n/en.json'
import es from '../i18n/es.json'
import fr from '../i18n/fr.json'
import ja from '../i18n/ja.json'
import laterDe from '../i18n/later/de.json'
import laterEn from '../i18n/later/en.json'
import laterEs from '../i18n/later/es.json'
import laterFr from '../i18n/later/fr.json'
import laterJa from '../i18n/later/ja.json'

/** The texts of the first page, by language. */
export const firstTexts = { en, de, fr, es, ja }

/** The texts of the pages that are loaded later. */
export const laterTexts = { en: laterEn, de: laterDe, fr: laterFr, es: laterEs, ja: laterJa }

/** All texts. */
export const allTexts = {
  en: { ...en, ...laterEn },
  de: { ...de, ...laterDe },
  fr: { ...fr, ...laterFr },
  es: { ...es, ...laterEs },
  ja: { ...ja, ...laterJa },
}
