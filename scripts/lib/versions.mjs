// Checks the prerequisites: Node and Go. Only Node's own modules are imported here, because this
// runs before anything is installed.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './paths.mjs'
import { Problem } from './problem.mjs'

/** Says in one line what is missing or too old, and what to do. */
export function checkVersions() {
  if (process.platform === 'win32')
    throw new Problem('Windows is not supported directly: run this inside WSL.')
  checkNode()
  checkGo()
}

function checkNode() {
  const wanted = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).engines.node.replace(
    '>=',
    '',
  )
  const found = process.versions.node
  if (isOlder(found, wanted)) {
    throw new Problem(
      `Node ${wanted} or newer is needed, this is ${found}: install one from https://nodejs.org/.`,
    )
  }
}

function checkGo() {
  const wanted = /^go (\S+)/m.exec(readFileSync(join(root, 'go.mod'), 'utf8'))?.[1] ?? ''
  // Since 1.21 Go fetches the version that go.mod asks for by itself; run in the repository, it
  // says whether it can.
  const { error, stdout, stderr } = spawnSync('go', ['version'], { cwd: root, encoding: 'utf8' })
  if (error)
    throw new Problem(`Go is missing: install Go ${wanted} or newer from https://go.dev/dl/.`)
  const found = /go version go(\S+)/.exec(stdout)?.[1]
  if (!found)
    throw new Problem(
      `Go ${wanted} or newer is needed (https://go.dev/dl/); go says: ${stderr.trim()}`,
    )
  if (isOlder(found, wanted)) {
    throw new Problem(
      `Go ${wanted} or newer is needed, this is ${found}: install one from https://go.dev/dl/.`,
    )
  }
}

/**
 * @param {string} found such as 20.19.1 or 1.26rc1
 * @param {string} wanted such as 20.19
 */
function isOlder(found, wanted) {
  const [a, b] = [found, wanted].map((version) => version.split(/\D+/).map(Number))
  const at = b.findIndex((part, i) => part !== (a[i] ?? 0))
  return at >= 0 && (a[at] ?? 0) < b[at]
}
