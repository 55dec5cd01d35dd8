// Lost answers: the server receives a request and executes it, but the browser gets no answer.
import { request } from 'node:http'
import type { Page, Request } from '@playwright/test'

/**
 * Drops the answers to the next requests to `url`, and counts them. Their cookies do not reach the
 * browser.
 */
export async function loseAnswers(page: Page, url: string, count = 1): Promise<{ lost: number[] }> {
  const lost: number[] = []
  await page.route(url, async (route) => {
    if (lost.length >= count) return route.fallback()
    lost.push(await pass(route.request()))
    return route.abort('connectionreset')
  })
  return { lost }
}

/**
 * Sends the request on another connection.
 * @returns the status of the answer
 */
async function pass(original: Request): Promise<number> {
  const headers = await original.allHeaders()
  const sent = Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith(':')))
  return new Promise((resolve, reject) => {
    const onward = request(original.url(), {
      method: original.method(),
      headers: { ...sent, connection: 'close' },
    })
    onward.on('response', (answer) => {
      answer.resume()
      answer.on('end', () => resolve(answer.statusCode ?? 0))
    })
    onward.on('error', reject)
    onward.end(original.postData() ?? undefined)
  })
}
