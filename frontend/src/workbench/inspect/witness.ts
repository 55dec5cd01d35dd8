// What happens on the page while it comes about, for whoever asks afterwards.

/** What moved without anybody having done anything, before the first step. */
export const shifts: number[] = []
/** What the page's policies did not allow. */
export const violations: string[] = []

let isAlone = true

export function watch(): void {
  addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI, sample }) => {
    violations.push(`${effectiveDirective}: ${blockedURI} ${sample}`)
  })
  new PerformanceObserver((list) => {
    if (!isAlone) return
    for (const entry of list.getEntries()) shifts.push((entry as PerformanceEntry & { value: number }).value)
  }).observe({ type: 'layout-shift', buffered: true })
}

/** From here on things move because of what the person does. */
export function stepTaken(): void {
  isAlone = false
}
