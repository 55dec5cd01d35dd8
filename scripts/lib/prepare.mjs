// The beginning of a script. Only Node's own modules are imported here, because this runs before
// anything is installed.
import { installDependencies } from './dependencies.mjs'
import { listenForInterrupts } from './interrupt.mjs'
import { checkVersions } from './versions.mjs'

/** Listens for interrupts, checks Node and Go, and installs missing npm packages. */
export async function prepare() {
  listenForInterrupts()
  checkVersions()
  await installDependencies()
}
