import type { PendingCode } from '../api/http'

/** The delivery outcomes: each has texts of its own. */
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

/** Unknown reasons are shown as the status alone, and unknown statuses as `sent`. */
export function outcomeOf({ delivery, delivery_reason: reason }: PendingCode): Outcome {
  if (delivery === 'delayed' && reason === 'provider_away') return 'provider_late'
  if (delivery === 'failed' && reason && outcomes.includes(reason)) return reason
  return outcomes.includes(delivery) ? delivery : 'sent'
}

/** Whether the mail has failed in a way in which another one to the same address would fail too. */
export function needsAnotherAddress({ delivery, delivery_reason: reason }: PendingCode): boolean {
  return delivery === 'failed' && ['no_such_mailbox', 'blocked', 'refused'].includes(reason ?? '')
}

/** Whether the status of the mail may still change. */
export function isUnderWay({ delivery }: PendingCode): boolean {
  return delivery === 'queued' || delivery === 'delayed' || delivery === 'sent'
}
