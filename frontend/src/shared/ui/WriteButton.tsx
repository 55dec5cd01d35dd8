import type { ComponentProps } from 'preact'
import type { Writing } from '../api/useWrite'
import { type Key, text } from '../i18n/text'
import { Button } from './Button'
import { useLimit, WriteError } from './WriteError'

interface Props extends Pick<ComponentProps<typeof Button>, 'children' | 'look'> {
  writing: Writing
  /** The label while the call is under way. */
  busy?: Key
  onClick: () => void
}

/** A button that makes a call, and above it why the last one failed. A limit keeps it off. */
export function WriteButton({ writing, busy = 'error.working', ...button }: Props) {
  const limit = useLimit(writing)
  return (
    <>
      <WriteError writing={writing} next={text('error.pressAgain')} waitId={limit.waitId} />
      <div>
        <Button {...button} {...limit.button} busy={writing.busy && text(busy)} />
      </div>
    </>
  )
}
