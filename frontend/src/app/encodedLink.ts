/**
 * Reads a mail's link whose # has become %23 on its way as the link that it was, and so takes the secret out of the path.
 * Mail gateways that rewrite links leave them so.
 */
export function restoreFragment(): void {
  const [, page, fragment] = /^\/(verify|not-you)%23(.+)$/i.exec(location.pathname) ?? []
  if (fragment) history.replaceState(null, '', `/${page}#${fragment.replace(/%3d/i, '=')}`)
}
