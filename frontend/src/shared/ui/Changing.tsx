interface Props {
  children: string
}

/**
 * Text that changes while the page is shown, in an element that is replaced together with it.
 * Browser translation replaces texts by its own elements; a text that is only rewritten would not
 * change visibly.
 */
export function Changing({ children }: Props) {
  return <span key={children}>{children}</span>
}
