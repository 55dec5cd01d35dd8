// npm run release -- v0.1.0: writes the files of a release to .data/release: a binary for each
// platform, its list of components (CycloneDX), the checksums, and the notes from CHANGELOG.md.
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSpa, compile } from './lib/builds.mjs'
import { dataDir, root } from './lib/paths.mjs'
import { prepare } from './lib/prepare.mjs'
import { Problem, runMain } from './lib/problem.mjs'
import { mustRun } from './lib/processes.mjs'

const platforms = ['linux/amd64', 'linux/arm64', 'darwin/amd64', 'darwin/arm64']
const target = join(dataDir, 'release')

/**
 * @typedef {{ Path: string, Version: string, Replace?: GoModule }} GoModule
 * @typedef {{ type: string, name: string, version: string, purl: string }} Component
 */

/** @param {string[]} args */
async function main([tag = '']) {
  const notes = releaseNotes(tag)
  await prepare()
  await buildSpa()

  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  for (const platform of platforms) await buildProgram(platform, tag)
  writeFileSync(join(target, 'SHA256SUMS'), checksums())
  writeFileSync(join(target, 'notes.md'), notes)
  console.log(`Wrote ${target}.`)
  return 0
}

/**
 * Returns the section of CHANGELOG.md about this version. package.json must have the same version.
 * @param {string} tag
 */
function releaseNotes(tag) {
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  if (tag !== `v${version}`)
    throw new Problem(`The tag must be v${version}, the version of package.json.`)
  const sections = readFileSync(join(root, 'CHANGELOG.md'), 'utf8').split(/^## /m)
  const section = sections.find((text) => text.split(/\s/, 1)[0] === version)
  if (!section) throw new Problem(`CHANGELOG.md has no section "## ${version}".`)
  return section.slice(section.indexOf('\n')).trim().concat('\n')
}

/**
 * @param {string} platform
 * @param {string} version
 */
async function buildProgram(platform, version) {
  const [GOOS, GOARCH] = platform.split('/')
  const file = join(target, `sana-${GOOS}-${GOARCH}`)
  await compile(`Building for ${platform}`, file, version, root, { GOOS, GOARCH })

  const info = JSON.parse(await mustRun('go version', 'go', ['version', '-m', '-json', file]))
  const components = [...goComponents(info), ...pageComponents()]
  writeFileSync(`${file}.cdx.json`, `${JSON.stringify(bom(version, components), null, 2)}\n`)
}

/** @param {{ GoVersion: string, Deps: GoModule[] }} info */
function goComponents({ GoVersion, Deps }) {
  const modules = Deps.map((module) => module.Replace ?? module)
  const std = { Path: 'std', Version: GoVersion.replace(/^go/, '') }
  return [std, ...modules].map(({ Path, Version }) => component('golang', Path, Version))
}

/** Only these two npm packages are part of the pages; see SECURITY.md. */
function pageComponents() {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const version = (/** @type {string} */ name) => packages[`node_modules/${name}`].version
  return ['preact', 'preact-iso'].map((name) => component('npm', name, version(name)))
}

/**
 * @param {string} type
 * @param {string} name
 * @param {string} version
 * @returns {Component}
 */
function component(type, name, version) {
  return { type: 'library', name, version, purl: `pkg:${type}/${name}@${version}` }
}

/**
 * @param {string} version
 * @param {Component[]} components
 */
function bom(version, components) {
  const metadata = { component: { type: 'application', name: 'sana', version } }
  return { bomFormat: 'CycloneDX', specVersion: '1.5', version: 1, metadata, components }
}

/** In the format of sha256sum. */
function checksums() {
  const line = (/** @type {string} */ name) => {
    const hash = createHash('sha256').update(readFileSync(join(target, name)))
    return `${hash.digest('hex')}  ${name}\n`
  }
  return readdirSync(target).sort().map(line).join('')
}

await runMain(main)
