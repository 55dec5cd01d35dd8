import { useEffect, useState } from 'preact/hooks'

/**
 * `left` milliseconds in whole seconds. The component is rendered again each second, until they
 * have passed.
 */
export function useCountdown(left: number): number {
  const [, tick] = useState(0)
  const rest = Math.max(0, left)
  useEffect(() => {
    if (rest === 0) return
    const timer = setTimeout(() => tick((count) => count + 1), rest % 1000 || 1000)
    return () => clearTimeout(timer)
  }, [rest])
  return Math.ceil(rest / 1000)
}
