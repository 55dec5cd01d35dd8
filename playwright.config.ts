import { defineConfig } from '@playwright/test'
import { chromium } from './e2e/support/chromium'

/** Through the whole program, on a database. */
const whole = {
  testDir: 'e2e',
  timeout: 60_000,
  expect: { timeout: 15_000 },
  use: {
    actionTimeout: 15_000,
    screenshot: 'only-on-failure',
    contextOptions: { reducedMotion: 'reduce' },
    launchOptions: chromium,
  },
} as const

export default defineConfig({
  outputDir: 'test-results',
  fullyParallel: true,
  workers: 4,
  forbidOnly: Boolean(process.env.CI),
  // Chromium itself has crashed once in some hundred tests, and machines stand still; the report
  // then says "flaky", and not that all passed.
  retries: process.env.CI ? 2 : 0,
  reporter: 'list',
  projects: [
    // These run one by one. They begin first, so that no worker waits for them at the end.
    { ...whole, name: 'start', testMatch: 'start.spec.ts' },
    { ...whole, name: 'walks', testIgnore: ['states/**', 'start.spec.ts'] },
    {
      // Every page in every state, in the workbench; it needs no server of Sana's.
      name: 'states',
      testDir: 'e2e/states',
      timeout: 30_000,
      use: { launchOptions: chromium },
    },
  ],
})
