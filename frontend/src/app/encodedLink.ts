/**
 * The link of a mail whose # has become %23 on its way, as it was: undefined for other paths. Mail
 * gateways that rewrite links leave them so, and then the path holds the secret.
 */
export function restoredLink(path: string): string | undefined {
  const [, page, fragment] = /^\/(verify|not-you|recovery)%23(.+)$/i.exec(path) ?? []
  return fragment && `/${page}#${fragment.replace(/%3d/i, '=')}`
}
