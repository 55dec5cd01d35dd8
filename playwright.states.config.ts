import { defineConfig } from '@playwright/test'
import { chromium } from './e2e/support/chromium'

/** Every page in every state, in the workbench; it needs no server of Sana's. */
export default defineConfig({
  testDir: 'states',
  outputDir: 'test-results/states',
  fullyParallel: true,
  workers: 3,
  forbidOnly: Boolean(process.env.CI),
  retries: process.env.CI ? 2 : 0,
  reporter: 'list',
  timeout: 30_000,
  use: { launchOptions: chromium },
})
