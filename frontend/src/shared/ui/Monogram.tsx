import styles from './Monogram.module.css'

interface Props {
  /** A name or an address. */
  of: string
  large?: boolean
}

/** The first letters of a name, or the first one of an address. */
export function Monogram({ of, large = false }: Props) {
  const words = of
    .replace(/@.*/, '')
    .split(/[\s._-]+/u)
    .filter(Boolean)
  const letters = words.slice(0, 2).map((word) => [...word][0]?.toLocaleUpperCase())
  return (
    <span class={`${styles.monogram} ${large ? styles.large : ''}`} aria-hidden="true">
      {letters}
    </span>
  )
}
