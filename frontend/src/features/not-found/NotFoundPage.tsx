import { Heading } from '../../shared/ui/Heading'
import styles from './NotFoundPage.module.css'

export function NotFoundPage() {
  return (
    <>
      <Heading>Page not found</Heading>
      <p>There is nothing at this address. It may be mistyped, or the page may have moved.</p>
      <a href="/" class={styles.way}>
        Go to the start page
      </a>
    </>
  )
}
