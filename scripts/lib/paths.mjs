// Paths. Every file that a run creates is in one of these folders, which git ignores.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** Data that is kept between two starts: the database, its password, the development keys. */
export const dataDir = join(root, '.data')

export const binary = join(root, 'bin', 'sana')
export const spaDir = join(root, 'frontend', 'dist')
export const postgresLog = join(dataDir, 'postgres.log')

/**
 * The script of an installed npm package, to be run by the current Node, without shell, PATH and
 * wrapper process.
 */
export const tools = {
  vite: join(root, 'node_modules/vite/bin/vite.js'),
  vitest: join(root, 'node_modules/vitest/vitest.mjs'),
  tsc: join(root, 'node_modules/typescript-native/bin/tsc'),
  biome: join(root, 'node_modules/@biomejs/biome/bin/biome'),
  playwright: join(root, 'node_modules/@playwright/test/cli.js'),
  openapiTypescript: join(root, 'node_modules/openapi-typescript/bin/cli.js'),
}
