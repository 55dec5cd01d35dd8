// What happens on the page while it comes about, for whoever asks afterwards.
import { nameOf } from './seen'

/** What moved without anybody having done anything, before the first step: how much, and what. */
export const shifts: string[] = []
/** What the page's policies did not allow. */
export const violations: string[] = []

let isAlone = true

/** As browsers tell it (https://wicg.github.io/layout-instability/), which TypeScript does not know. */
type Shift = PerformanceEntry & { value: number; sources: { node: Node | null }[] }

export function watch(): void {
  addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI, sample }) => {
    violations.push(`${effectiveDirective}: ${blockedURI} ${sample}`)
  })
  new PerformanceObserver((list) => {
    if (!isAlone) return
    for (const { value, sources } of list.getEntries() as Shift[]) {
      const moved = sources.map(({ node }) => (node instanceof Element ? nameOf(node) : (node?.textContent ?? '')))
      shifts.push(`${value}: ${moved.join(', ')}`)
    }
  }).observe({ type: 'layout-shift', buffered: true })
}

/** From here on things move because of what the person does. */
export function stepTaken(): void {
  isAlone = false
}
