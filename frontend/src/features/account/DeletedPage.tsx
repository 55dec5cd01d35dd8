import { useEffect } from 'preact/hooks'
import { text } from '../../shared/i18n/text'
import { keep } from '../../shared/keep'
import { Button } from '../../shared/ui/Button'
import { Heading } from '../../shared/ui/Heading'

interface Props {
  onDone: () => void
}

export function DeletedPage({ onDone }: Props) {
  useEffect(() => keep('email', ''), [])
  return (
    <>
      <Heading>{text('deleted.title')}</Heading>
      <p>{text('deleted.text')}</p>
      <Button look="plain" onClick={onDone}>
        {text('page.toStart')}
      </Button>
    </>
  )
}
