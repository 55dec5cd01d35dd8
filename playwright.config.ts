import { defineConfig } from '@playwright/test'
import { chromium, given } from './e2e/support/chromium'

given('TEST_DATABASE_URL')

export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results',
  fullyParallel: true,
  workers: 3,
  forbidOnly: Boolean(process.env.CI),
  // Chromium itself has crashed once in some hundred tests, and machines stand still; the report then says "flaky", and not that all passed.
  retries: process.env.CI ? 2 : 0,
  reporter: 'list',
  timeout: 60_000,
  expect: { timeout: 15_000 },
  use: {
    actionTimeout: 15_000,
    screenshot: 'only-on-failure',
    contextOptions: { reducedMotion: 'reduce' },
    launchOptions: chromium,
  },
})
