import { type Responses, refused, type State } from '../../shared/testing/states'

const link = (until: number) => `/not-you#t=00112233445566778899aabbccddeeff.${until}.MAC`
const page = (
  name: string,
  shows: State['shows'],
  answer?: Responses['POST /api/auth/not-you'],
): State => ({
  name,
  path: link(4_102_444_800),
  responses: answer ? { 'POST /api/auth/not-you': answer } : {},
  actions: answer ? [{ press: 0 }] : [],
  shows,
})

export const states: State[] = [
  page('link of the mail', 'notYou.text'),
  page('ending', 'error.working', 'never'),
  page('ended', 'notYou.ended', 'done'),
  page('server away', 'error.weRetry', 'lost'),
  page('server without its database', 'problem.unavailable', refused(503, 'unavailable')),
  page(
    'a limit',
    'problem.too_many_requests',
    refused(429, 'too_many_requests', { retry_after: 541 }),
  ),
  { name: 'link that is too old', path: link(1_700_000_000), responses: {}, shows: 'notYou.over' },
]
