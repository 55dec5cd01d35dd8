import { useEffect, useRef } from 'preact/hooks'
import { Changing } from './Changing'
import styles from './Subheading.module.css'

interface Props {
  children: string
  id?: string
  /** Takes the focus when it appears, or when this becomes true. */
  focus?: boolean
}

/** The heading of a part of a page. */
export function Subheading({ children, id, focus = false }: Props) {
  const heading = useFocused<HTMLHeadingElement>(focus)
  return (
    <h2 ref={heading} id={id} tabIndex={-1} class={styles.subheading}>
      <Changing>{children}</Changing>
    </h2>
  )
}

/** The heading of a temporary part of a page; it takes the focus. */
export function StepHeading({ children, focus = true }: Props) {
  const heading = useFocused<HTMLHeadingElement>(focus)
  return (
    <h3 ref={heading} tabIndex={-1} class={styles.subheading}>
      <Changing>{children}</Changing>
    </h3>
  )
}

function useFocused<Element extends HTMLElement>(focus: boolean) {
  const element = useRef<Element>(null)
  useEffect(() => {
    if (focus) element.current?.focus()
  }, [focus])
  return element
}
