// Records events of the page while it loads.
import { nameOf } from './seen'

/** Layout shifts without a user action, before the first step: their size and elements. */
export const shifts: string[] = []
/** Violations of the page's policies. */
export const violations: string[] = []

let isAlone = true

/**
 * The browser's entry type (https://wicg.github.io/layout-instability/), which TypeScript does not
 * have.
 */
type Shift = PerformanceEntry & { value: number; sources: { node: Node | null }[] }

export function watch(): void {
  addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI, sample }) => {
    violations.push(`${effectiveDirective}: ${blockedURI} ${sample}`)
  })
  new PerformanceObserver((list) => {
    if (!isAlone) return
    for (const { value, sources } of list.getEntries() as Shift[]) {
      const moved = sources.map(({ node }) =>
        node instanceof Element ? nameOf(node) : (node?.textContent ?? ''),
      )
      shifts.push(`${value}: ${moved.join(', ')}`)
    }
  }).observe({ type: 'layout-shift', buffered: true })
}

/** From now on shifts are caused by the user's actions. */
export function stepTaken(): void {
  isAlone = false
}
