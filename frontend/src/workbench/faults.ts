import { spawn } from 'node:child_process'
import type { Plugin } from 'vite'

/**
 * In development, shows the errors of the TypeScript compiler and of the server's build and start
 * over the page. The compiler's output is in the terminal too.
 */
export const faultsInSight: Plugin = {
  name: 'faults-in-sight',
  apply: (_, { command, mode }) => command === 'serve' && mode !== 'test',
  configureServer({ ws, config }) {
    const faults = new Map<string, string>()
    const show = () => {
      const [message] = faults.values()
      if (message) ws.send({ type: 'error', err: { message, stack: '' } })
      else ws.send({ type: 'update', updates: [] })
    }
    const report = (source: string, fault: string) => {
      if (fault === (faults.get(source) ?? '')) return
      if (fault) faults.set(source, fault)
      else faults.delete(source)
      show()
    }
    ws.on('connection', () => faults.size > 0 && show())
    process.on('message', (message: { serverFault?: string }) =>
      report('server', message.serverFault ?? ''),
    )
    watchTypes(`${config.root}/..`, (fault) => {
      if (fault) config.logger.error(`\n${fault}\n`)
      report('types', fault)
    })
  },
}

/**
 * Runs the compiler beside Vite, in its process group. Calls back after each round, with '' if
 * there are no errors.
 */
function watchTypes(root: string, onRound: (fault: string) => void): void {
  const flags = [
    '--noEmit',
    '--watch',
    '--preserveWatchOutput',
    '--pretty',
    'false',
    '-p',
    'tsconfig.json',
  ]
  const tsc = spawn(process.execPath, ['node_modules/typescript-native/bin/tsc', ...flags], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  tsc.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    const rounds = output.split(/^.*Found \d+ errors?\. Watching.*$/m)
    const rest = rounds.pop() ?? ''
    const round = rounds.pop()
    if (round === undefined) return
    output = rest
    onRound(round.replace(/^.*(?:Starting|File change detected).*$/gm, '').trim())
  })
}
