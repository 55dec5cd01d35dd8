// Checks the prerequisites: Node and Go. Only Node's own modules are imported here, because this
// runs before anything is installed.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './paths.mjs'
import { Problem } from './problem.mjs'

/** Throws a Problem if Node or Go is missing or too old. */
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
      `Node ${wanted} or newer is required, this is ${found}: install it from https://nodejs.org/.`,
    )
  }
}

function checkGo() {
  const wanted = /^go (\S+)/m.exec(readFileSync(join(root, 'go.mod'), 'utf8'))?.[1] ?? ''
  // Since 1.21 Go downloads the version that go.mod requires. In the repository, go version fails
  // if it cannot.
  const { error, stdout, stderr } = spawnSync('go', ['version'], { cwd: root, encoding: 'utf8' })
  if (error)
    throw new Problem(`Go is missing: install Go ${wanted} or newer from https://go.dev/dl/.`)
  const found = /go version go(\S+)/.exec(stdout)?.[1]
  if (!found)
    throw new Problem(
      `Go ${wanted} or newer is required (https://go.dev/dl/); go version failed: ${stderr.trim()}`,
    )
  if (isOlder(found, wanted)) {
    throw new Problem(
      `Go ${wanted} or newer is required, this is ${found}: install it from https://go.dev/dl/.`,
    )
  }
}

/**
 * @param {string} found such as 20.19.1 or 1.26rc1
 * @param {string} wanted such as 20.19
 */
function isOlder(found, wanted) {
  const [a, b] = [found, wanted].map((version) => version.split(/\D+/).map(Number))
  const index = b.findIndex((part, i) => part !== (a[i] ?? 0))
  return index >= 0 && (a[index] ?? 0) < b[index]
}
