import type { ComponentChildren, InputHTMLAttributes, Ref } from 'preact'
import { useId } from 'preact/hooks'
import styles from './TextField.module.css'

interface Props {
  label: string
  hint?: string
  /** The fault of the input; replaces the hint. */
  fault: string | undefined
  /** Other content below the field while the input has no fault. */
  below?: ComponentChildren
  /** Further text that belongs to the field. */
  describedBy?: string
  /** The field is for a code, with the length of the input's size. */
  isCode?: boolean
  inputRef: Ref<HTMLInputElement>
  input: InputHTMLAttributes<HTMLInputElement>
}

export function TextField({
  label,
  hint = '',
  fault,
  below,
  describedBy,
  isCode,
  inputRef,
  input,
}: Props) {
  const id = useId()
  const note = `${id}-note`
  const words = fault ?? hint
  return (
    <div class={styles.field}>
      <label for={id} class={styles.label}>
        {label}
      </label>
      <input
        {...input}
        id={id}
        ref={inputRef}
        class={`${styles.input} ${isCode ? styles.code : ''}`}
        aria-invalid={fault !== undefined}
        aria-describedby={describedBy ? `${note} ${describedBy}` : note}
      />
      <p id={note} class={styles.note}>
        {/* Replaced as a whole, as Changing does. */}
        <span key={words} role={fault ? 'alert' : undefined} class={fault ? styles.fault : ''}>
          {words}
        </span>
        {!words && below}
      </p>
    </div>
  )
}
