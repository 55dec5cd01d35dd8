// The browser of all tests, found by `npm test`.

/** Returns an environment variable that `npm test` sets. It throws if the variable is not set. */
export function requiredVariable(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set: run these tests with npm test`)
  return value
}

export const chromium = {
  executablePath: requiredVariable('SANA_CHROMIUM'),
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
