// The temporary Postgres of `npm test`, which is fast because its data need not be durable. `npm
// run bench` uses one with other settings.
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { addressOf, connect } from './database.mjs'
import { interrupted, waitFor } from './interrupt.mjs'
import { freePort } from './ports.mjs'
import { openCluster, startPostgres } from './postgres.mjs'
import { Problem } from './problem.mjs'
import { signalGroup } from './processes.mjs'

const quick = {
  fsync: 'off',
  full_page_writes: 'off',
  synchronous_commit: 'off',
  max_connections: 500,
  // Every test connects; with the race detector, 4096 iterations are a tenth of the cost of a test.
  scram_iterations: 1,
}

/**
 * @param {Record<string, string | number>} [settings]
 * @returns {Promise<{ url: string, stop: () => Promise<void> }>} the database `postgres` on it;
 *   `stop` removes it all
 */
export async function startTestPostgres(settings = quick) {
  const dir = mkdtempSync(join(tmpdir(), 'sana-test-'))
  const stops = [async () => rmSync(dir, { recursive: true, force: true })]
  const stop = async () => {
    while (stops.length > 0) await stops.pop()?.()
  }
  try {
    // If this is root, Postgres runs as another user, which must be able to enter its folder.
    chmodSync(dir, 0o711)
    const cluster = await openCluster(join(dir, 'postgres'), [
      '--no-sync',
      '--set=scram_iterations=1',
    ])
    const port = await freePort()
    const postgres = await startPostgres(cluster, { port, log: join(dir, 'log'), settings })
    stops.push(() => {
      // An immediate shutdown: the SIGTERM of stop() would wait until clients close their
      // connections.
      signalGroup(postgres.pid, 'SIGQUIT')
      return postgres.stop(5000)
    })
    const url = addressOf(cluster, port, 'postgres')
    const client = await waitFor(() => connect(url), {
      timeout: 60_000,
      interval: 100,
      signal: interrupted,
    })
    if (!client) throw new Problem('The Postgres for the tests was not ready within a minute.')
    await client.end()
    return { url, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
