import type { ComponentChildren, TargetedMouseEvent } from 'preact'
import styles from './Button.module.css'
import { Changing } from './Changing'
import hidden from './hidden.module.css'

interface Props {
  children: ComponentChildren
  type?: 'button' | 'submit'
  /** `small` and `danger` are as wide as their words; `danger` leads to what cannot be undone, and `grave` does it. */
  look?: 'main' | 'plain' | 'quiet' | 'small' | 'danger' | 'grave'
  /** What is going on, said while it goes on; a press then does nothing. */
  busy?: string | false
  /** Shown as not available yet; it keeps the focus and can be read out. */
  unavailable?: boolean
  describedBy?: string | undefined
  /** Its name, where its words alone do not say what it is about. */
  name?: string
  onClick?: () => void
}

export function Button({
  children,
  type = 'button',
  look = 'main',
  busy,
  unavailable,
  describedBy,
  name,
  onClick,
}: Props) {
  const off = Boolean(busy || unavailable)
  // aria-disabled and not disabled: a disabled button loses the focus of whoever has just pressed it.
  const pressed = (event: TargetedMouseEvent<HTMLButtonElement>) => {
    if (off) event.preventDefault()
    else onClick?.()
  }
  return (
    <>
      <button
        type={type}
        class={`${styles.button} ${styles[look]} ${busy ? styles.busy : ''}`}
        aria-disabled={off}
        aria-describedby={describedBy}
        aria-label={name}
        onClick={pressed}
      >
        {children}
      </button>
      <span role="status" class={hidden.hidden}>
        {busy && <Changing>{busy}</Changing>}
      </span>
    </>
  )
}
