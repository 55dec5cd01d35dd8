import type { ComponentChildren } from 'preact'
import './Frame.css'

interface Props {
  children: ComponentChildren
}

/** The place of a page, in the frame of index.html, which uses these class names. */
export function Main({ children }: Props) {
  return <main class="Frame-page">{children}</main>
}
