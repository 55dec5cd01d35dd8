// Another release of the pages: built from the same sources, with other names for all of its scripts. Its server has the
// pages and files of that release, and passes everything else on to Sana.
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { build, type Plugin } from 'vite'
import { root } from '../../scripts/lib/paths.mjs'

/** Changes each module, and so the name of each script. */
const anotherRelease: Plugin = {
  name: 'another-release',
  transform: (code, id) => (/\/src\/[^?]*\.tsx?$/.test(id) ? `${code}\nglobalThis.release = 'another'\n` : undefined),
}

export interface Release {
  url: string
  close: () => Promise<void>
}

export async function startAnotherRelease(sana: string): Promise<Release> {
  const outDir = mkdtempSync(join(tmpdir(), 'sana-release-'))
  const config = { configFile: join(root, 'vite.config.ts'), root: join(root, 'frontend'), mode: 'production' }
  await build({ ...config, logLevel: 'warn', plugins: [anotherRelease], build: { outDir, emptyOutDir: true } })

  const server = createServer((incoming, outgoing) => {
    if (incoming.url?.startsWith('/assets/')) sendFile(outgoing, join(outDir, incoming.url))
    else pass(incoming, outgoing, sana, join(outDir, 'index.html'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: async () => {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
      rmSync(outDir, { recursive: true })
    },
  }
}

function sendFile(outgoing: ServerResponse, file: string) {
  if (!existsSync(file)) return outgoing.writeHead(404).end()
  return outgoing.writeHead(200, { 'content-type': 'text/javascript' }).end(readFileSync(file))
}

/** Has Sana answer; if with its page, that becomes the page of this release. */
function pass(incoming: IncomingMessage, outgoing: ServerResponse, sana: string, page: string) {
  const headers = { ...incoming.headers, 'accept-encoding': 'identity' }
  const onward = request(sana + incoming.url, { method: incoming.method, headers })
  onward.on('response', async (answer) => {
    const isPage = answer.headers['content-type']?.startsWith('text/html')
    const { 'content-length': _, ...rest } = answer.headers
    outgoing.writeHead(answer.statusCode ?? 502, isPage ? rest : answer.headers)
    if (!isPage) return answer.pipe(outgoing)
    // Whether the browser has a session, the first tag of Sana's page says.
    const [tag] = /<html[^>]*>/.exec(await text(answer)) ?? ['<html lang="en">']
    return outgoing.end(readFileSync(page, 'utf8').replace(/<html[^>]*>/, tag))
  })
  onward.on('error', () => outgoing.destroy())
  incoming.pipe(onward)
}
