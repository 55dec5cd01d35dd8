import type { AccountEvent } from '../../shared/api/http'

/** The events of each day of the person's own calendar, in the order they came in. */
export function byDay(events: AccountEvent[]): AccountEvent[][] {
  const days = new Map<string, AccountEvent[]>()
  for (const event of events) {
    const day = new Date(event.at).toDateString()
    days.set(day, [...(days.get(day) ?? []), event])
  }
  return [...days.values()]
}
