import { useRef, useState } from 'preact/hooks'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'
import { Done } from '../../shared/ui/Done'
import { Notice } from '../../shared/ui/Notice'
import section from '../../shared/ui/Section.module.css'
import { StepHeading } from '../../shared/ui/Subheading'
import styles from './NewKeyNotice.module.css'

interface Props {
  made: string
  onDone: () => void
}

/** Shows a new key. No later answer has it. */
export function NewKeyNotice({ made, onDone }: Props) {
  const [isCopied, setCopied] = useState<boolean>()
  const key = useRef<HTMLElement>(null)
  const copy = async () => {
    setCopied(undefined)
    try {
      await navigator.clipboard.writeText(made)
      setCopied(true)
    } catch {
      // The browser or its user refuses, or the page is not served over https.
      if (key.current) getSelection()?.selectAllChildren(key.current)
      setCopied(false)
    }
  }
  return (
    <div class={section.section}>
      <StepHeading>{text('keys.made')}</StepHeading>
      <p>{text('keys.madeText')}</p>
      <code ref={key} class={styles.key} translate={false}>
        {made}
      </code>
      <p class={section.soft}>{text('keys.use')}</p>
      {isCopied === false && <Notice role="alert">{text('keys.notCopied')}</Notice>}
      <div class={section.actions}>
        <Button look="small" onClick={copy}>
          {text('keys.copy')}
        </Button>
        <Button look="small" onClick={onDone}>
          {text('keys.done')}
        </Button>
        <Done>{isCopied && text('keys.copied')}</Done>
      </div>
    </div>
  )
}
