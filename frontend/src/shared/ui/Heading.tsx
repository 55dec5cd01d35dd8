import { useEffect, useRef } from 'preact/hooks'
import { brand } from '../brand'
import { Changing } from './Changing'
import styles from './Heading.module.css'

interface Props {
  children: string
  /** False if another element of the page takes the focus. */
  focus?: boolean
}

/**
 * The page's h1 and the document's title. It takes the focus when it appears, so that screen
 * readers announce the page and keyboard users continue from there.
 */
export function Heading({ children, focus = true }: Props) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${children} – ${brand()}`
    if (focus) heading.current?.focus()
  }, [children, focus])
  return (
    <h1 ref={heading} tabIndex={-1} class={styles.heading}>
      <Changing>{children}</Changing>
    </h1>
  )
}
