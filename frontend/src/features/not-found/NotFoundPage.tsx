import { text } from '../../shared/i18n/text'
import { Heading } from '../../shared/ui/Heading'
import styles from './NotFoundPage.module.css'

export function NotFoundPage() {
  return (
    <>
      <Heading>{text('page.notFound')}</Heading>
      <p>{text('page.notFoundText')}</p>
      <a href="/" class={styles.way}>
        {text('page.toStart')}
      </a>
    </>
  )
}
