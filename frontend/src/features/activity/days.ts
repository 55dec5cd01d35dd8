import type { AccountEvent } from '../../shared/api/http'

/** The events of each day of the user's own calendar, in their order. */
export function byDay(events: AccountEvent[]): AccountEvent[][] {
  const days = new Map<string, AccountEvent[]>()
  for (const event of events) {
    const day = new Date(event.at).toDateString()
    days.set(day, [...(days.get(day) ?? []), event])
  }
  return [...days.values()]
}
