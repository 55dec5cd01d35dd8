import type { ComponentChildren } from 'preact'
import './Frame.css'

interface Props {
  children: ComponentChildren
}

/** The place of a page, in the frame that index.html has; that knows these classes by name. */
export function Main({ children }: Props) {
  return <main class="Frame-page">{children}</main>
}
