// Simulated refusals of the server.
import type { Page } from '@playwright/test'

/** Answers requests to `url` with a problem; the page may try again after `seconds`. */
export async function refuse(
  page: Page,
  url: string,
  status: number,
  code: string,
  seconds: number,
): Promise<void> {
  const json = {
    type: `urn:sana:problem:${code}`,
    title: '',
    status,
    detail: '',
    code,
    request_id: 'R1',
    retry_after: seconds,
  }
  await page.route(url, (route) =>
    route.fulfill({ status, contentType: 'application/problem+json', json }),
  )
}
