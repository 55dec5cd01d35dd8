interface Props {
  children: string
}

/**
 * Text that changes while the page is shown, in an element that is replaced together with it. A browser that translates
 * a page puts elements of its own in the place of text; a text that is only rewritten would stay as it was.
 */
export function Changing({ children }: Props) {
  return <span key={children}>{children}</span>
}
