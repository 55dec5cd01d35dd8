// Lost responses: the server executes a request, but the browser does not receive its response.
import { request } from 'node:http'
import type { Page, Request } from '@playwright/test'

/**
 * Drops the responses to the next `count` requests to `url`, with their cookies, and records their
 * statuses.
 */
export async function dropResponses(
  page: Page,
  url: string,
  count = 1,
): Promise<{ dropped: number[] }> {
  const dropped: number[] = []
  await page.route(url, async (route) => {
    if (dropped.length >= count) return route.fallback()
    dropped.push(await forward(route.request()))
    return route.abort('connectionreset')
  })
  return { dropped }
}

/**
 * Sends the request over another connection.
 * @returns the status of the response
 */
async function forward(original: Request): Promise<number> {
  const headers = await original.allHeaders()
  const forwarded = Object.fromEntries(
    Object.entries(headers).filter(([name]) => !name.startsWith(':')),
  )
  return new Promise((resolve, reject) => {
    const onward = request(original.url(), {
      method: original.method(),
      headers: { ...forwarded, connection: 'close' },
    })
    onward.on('response', (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode ?? 0))
    })
    onward.on('error', reject)
    onward.end(original.postData() ?? undefined)
  })
}
