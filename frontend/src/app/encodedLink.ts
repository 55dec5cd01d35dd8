/**
 * Reads a mail's link whose # has become %23 on its way as the link that it was, and so takes the code out of the path.
 * Mail gateways that rewrite links leave them so.
 */
export function restoreFragment(): void {
  const fragment = /^\/verify%23(.+)$/i.exec(location.pathname)?.[1]
  if (fragment) history.replaceState(null, '', `/verify#${fragment.replace(/%3d/i, '=')}`)
}
