import type { ComponentChildren, TargetedMouseEvent } from 'preact'
import styles from './Button.module.css'
import { Changing } from './Changing'
import hidden from './hidden.module.css'

interface Props {
  children: ComponentChildren
  type?: 'button' | 'submit'
  /**
   * `small` and `danger` are as wide as their labels; `danger` opens something irreversible, and
   * `grave` does it.
   */
  look?: 'main' | 'plain' | 'quiet' | 'small' | 'danger' | 'grave'
  /** The label while the action runs; a press then does nothing. */
  busy?: string | false
  /** Shown as not available yet; it keeps the focus and can be read by screen readers. */
  unavailable?: boolean
  describedBy?: string | undefined
  /** The accessible name, if the label alone is ambiguous. */
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
  // aria-disabled instead of disabled: a disabled button would lose the focus of the user who has
  // just pressed it.
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
