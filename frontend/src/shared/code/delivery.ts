import type { PendingCode } from '../api/http'

/** What there is to say of a mail: each of these has texts of its own. */
export const outcomes = [
  'queued',
  'delayed',
  'provider_late',
  'sent',
  'delivered',
  'failed',
  'no_such_mailbox',
  'blocked',
  'refused',
  'provider_away',
] as const
export type Outcome = (typeof outcomes)[number]

/** A reason that this page does not know is said as the state alone, and a state that it does not know as `sent`. */
export function outcomeOf({ delivery, delivery_reason: reason }: PendingCode): Outcome {
  if (delivery === 'delayed' && reason === 'provider_away') return 'provider_late'
  if (delivery === 'failed' && reason && outcomes.includes(reason)) return reason
  return outcomes.includes(delivery) ? delivery : 'sent'
}

/** Whether the mail has failed in a way that another one to the same address would, too. */
export function needsAnotherAddress({ delivery, delivery_reason: reason }: PendingCode): boolean {
  return delivery === 'failed' && ['no_such_mailbox', 'blocked', 'refused'].includes(reason ?? '')
}

/** Whether the server may still learn more of the mail. */
export function isUnderWay({ delivery }: PendingCode): boolean {
  return delivery === 'queued' || delivery === 'delayed' || delivery === 'sent'
}
