import { text } from '../../shared/i18n/text'
import { Heading } from '../../shared/ui/Heading'
import { LonelyLink } from '../../shared/ui/LonelyLink'

export function NotFoundPage() {
  return (
    <>
      <Heading>{text('page.notFound')}</Heading>
      <p>{text('page.notFoundText')}</p>
      <LonelyLink href="/">{text('page.toStart')}</LonelyLink>
    </>
  )
}
