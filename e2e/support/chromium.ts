// The browser of all tests, found by `npm test`.

/** Returns a variable in which `npm test` passes what it has found and started. */
export function given(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: run these tests with npm test`)
  return value
}

export const chromium = {
  executablePath: given('SANA_CHROMIUM'),
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
}
