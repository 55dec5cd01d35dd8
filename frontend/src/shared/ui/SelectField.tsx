import { useId } from 'preact/hooks'
import styles from './TextField.module.css'

interface Props {
  label: string
  name: string
  /** The values, each with its label. */
  options: [value: string, words: string][]
  value: string
  onChoose: (value: string) => void
}

export function SelectField({ label, name, options, value, onChoose }: Props) {
  const id = useId()
  return (
    <div class={styles.field}>
      <label for={id} class={styles.label}>
        {label}
      </label>
      <select
        id={id}
        name={name}
        class={styles.input}
        value={value}
        onChange={({ currentTarget }) => onChoose(currentTarget.value)}
      >
        {options.map(([value, words]) => (
          <option key={value} value={value}>
            {words}
          </option>
        ))}
      </select>
    </div>
  )
}
