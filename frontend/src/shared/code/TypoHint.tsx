import { richText } from '../i18n/text'
import type { HintProps } from './EmailForm'
import styles from './TypoHint.module.css'
import { probablyMeant } from './typo'

/** Suggests another address, and puts it into the field. */
export function TypoHint({ email, onTake }: HintProps) {
  const meant = probablyMeant(email)
  return (
    <span role="status">
      {meant && (
        <span key={meant}>
          {richText('signIn.didYouMean', {
            email: (
              <button type="button" class={styles.suggestion} onClick={() => onTake(meant)}>
                {meant}
              </button>
            ),
          })}
        </span>
      )}
    </span>
  )
}
