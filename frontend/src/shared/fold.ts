/**
 * Folds what keyboards and copied text bring along, as the server does (backend/fold): white space and
 * default-ignorable characters go, full-width characters and full stops become ASCII. Nothing else does.
 */
export function foldText(typed: string): string {
  return typed
    .replace(/[\p{Zs}\p{DI}]/gu, '')
    .replace(/[！-～]/g, (wide) => String.fromCharCode(wide.charCodeAt(0) - 0xfee0))
    .replace(/[。｡]/g, '.')
}
