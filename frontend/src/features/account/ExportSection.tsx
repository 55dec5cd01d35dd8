import { useState } from 'preact/hooks'
import { get } from '../../shared/api/http'
import { useAuthedWrite } from '../../shared/api/inside'
import { text } from '../../shared/i18n/text'
import { Button } from '../../shared/ui/Button'
import { Done } from '../../shared/ui/Done'
import section from '../../shared/ui/Section.module.css'
import { Subheading } from '../../shared/ui/Subheading'
import { WriteError } from '../../shared/ui/WriteError'

export function ExportSection() {
  const writing = useAuthedWrite()
  const [done, setDone] = useState(false)
  const download = () => {
    setDone(false)
    return writing.write(
      () => get('/api/account/export'),
      (all) => {
        saveAsFile(`sana-${all.exported_at.slice(0, 10)}.json`, JSON.stringify(all, null, 2))
        setDone(true)
      },
    )
  }
  return (
    <section class={section.section}>
      <Subheading>{text('account.data')}</Subheading>
      <p class={section.soft}>{text('account.dataText')}</p>
      <WriteError writing={writing} next={text('error.pressAgain')} />
      <div class={section.row}>
        <Button look="small" busy={writing.busy && text('error.working')} onClick={download}>
          {text('account.download')}
        </Button>
        <Done>{done && text('account.downloaded')}</Done>
      </div>
    </section>
  )
}

function saveAsFile(name: string, content: string): void {
  const link = document.createElement('a')
  link.href = URL.createObjectURL(new Blob([content], { type: 'application/json' }))
  link.download = name
  link.click()
  // The download has begun by then.
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000)
}
